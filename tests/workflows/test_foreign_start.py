"""An order's saga runs under the order's own id: started under another, nothing of it happens."""

from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from contracts.names import Queue, return_id, workflow_id
from contracts.workflow_io import PlaceOrderInput, ReturnOrderInput
from tests.support.world import World
from workflows.place_order import PlaceOrder
from workflows.return_order import ReturnOrder


async def start_like_it(world: World, order_id: str, saga_id: str, *, fast: bool) -> str | None:
    """Start a saga with the order's input, as the Web UI offers to; the type of its failure."""
    command = await world.services.orders.command(order_id)
    order = PlaceOrderInput(**dict(command), fast_path=fast)
    with pytest.raises(WorkflowFailureError) as failed:
        await world.client.execute_workflow(
            PlaceOrder.run, order, id=saga_id, task_queue=Queue.ORDERS
        )
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause.type


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "regular"])
async def test_a_second_saga_with_a_confirmed_orders_input_does_nothing(
    world: World, *, fast: bool
) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    before = await world.settled(order_id, sku, "confirmed")
    for saga_id in (str(uuid4()), f"order-{order_id}-2", return_id(order_id)):
        assert await start_like_it(world, order_id, saga_id, fast=fast) == "ForeignWorkflowId"
        assert await world.services.payments.list_step_records(saga_id) == []
    assert await world.order(order_id) == before
    await world.check_conserved(before, sku)


@pytest.mark.parametrize("moment", ["user.validate", "payment.charge", "order.confirm"])
async def test_a_second_saga_beside_one_that_is_at_work_does_nothing(
    world: World, moment: str
) -> None:
    order_id, sku, gate = await world.stopped_at(moment, "before")
    assert await start_like_it(world, order_id, str(uuid4()), fast=True) == "ForeignWorkflowId"
    await gate.open()
    await world.settled(order_id, sku, "confirmed")


async def test_a_return_runs_under_an_id_of_a_return_of_its_order(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    order = await world.settled(order_id, sku, "confirmed")
    what = ReturnOrderInput(order_id=order.id, items=order.items, total=order.total)
    foreign = (
        str(uuid4()),
        workflow_id(order_id) + "-2",
        return_id("ord_x"),
        f"return-{order_id}-x",
    )
    for saga_id in foreign:
        with pytest.raises(WorkflowFailureError) as failed:
            await world.client.execute_workflow(
                ReturnOrder.run, what, id=saga_id, task_queue=Queue.ORDERS
            )
        assert isinstance(failed.value.cause, ApplicationError)
        assert failed.value.cause.type == "ForeignWorkflowId"
    assert await world.order(order_id) == order
    await world.check_conserved(order, sku)
