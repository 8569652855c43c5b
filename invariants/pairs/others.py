"""Who else meets a saga: customers who leave, stock and prices that change, audits, operators."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import update
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from contracts.inventory import AddStock
from contracts.names import Queue, workflow_id
from contracts.workflow_io import OrderOutcome, PlaceOrderInput
from invariants.audit import audit
from invariants.environment import OrderWorld
from invariants.pairs.meeting import Meeting
from invariants.stock_and_money import PRICE, new_order
from saga.participant import Unavailable
from saga.step import activity_name
from saga.verify import run
from saga.verify.concurrent.pair import DONE, CallsPartner, PartnerEnding, Side
from saga.verify.injection.workflow_reset import FIRST, reset, tasks_of
from services.inventory.tables import products
from workflows.place_order import CHARGE, PlaceOrder

NEW_PIECES = 5
PATIENCE, SOON = 60.0, 0.05  # seconds


async def _close_account(side: Side) -> None:
    await side.world.services.users.deactivate(side.meeting.first.customer_id)


async def _erase_account(side: Side) -> None:
    await side.world.services.users.erase(side.meeting.first.customer_id)


async def _add_stock(side: Side) -> None:
    sku = side.meeting.first.items[0].sku
    await side.world.services.inventory.add_stock(sku, AddStock(quantity=NEW_PIECES))


async def _double_price(side: Side) -> None:
    """Nothing of ours changes a price yet, so that this is done by hand."""
    its = products.c.sku == side.meeting.first.items[0].sku
    async with side.world.databases["inventory"].transaction() as tx:
        await tx.execute(update(products).where(its).values(price_minor=2 * PRICE.minor))


AGAIN = (Unavailable,)  # of a client that is told so: nothing of it has happened
CLOSE_ACCOUNT = CallsPartner("close the customer's account", [("close", _close_account)], AGAIN)
ERASE_ACCOUNT = CallsPartner("erase the customer", [("erase", _erase_account)], AGAIN)
ADD_STOCK = CallsPartner("put new pieces on the shelf", [("add stock", _add_stock)], AGAIN)
DOUBLE_PRICE = CallsPartner("double the price", [("change the price", _double_price)], AGAIN)


async def one_placed_order(world: OrderWorld) -> Meeting:
    """An order that a workflow of its own has placed."""
    order = await new_order(world)
    await world.client.execute_workflow(
        PlaceOrder.run,
        PlaceOrderInput(**dict(order)),
        id=workflow_id(order.order_id),
        task_queue=Queue.ORDERS,
    )
    return Meeting({"R": order})


async def a_placed_order_and_a_new_one(world: OrderWorld) -> Meeting:
    """Likewise, and another one of its product."""
    placed, new = await one_placed_order(world), await new_order(world)
    items = placed.first.items
    return Meeting({**placed.orders, "B": new.model_copy(update={"items": items})})


async def one_order_left_behind(world: OrderWorld) -> Meeting:
    """An order whose workflow was terminated when its stock was reserved, and nothing charged."""
    order = await new_order(world)
    saga_id, charging = workflow_id(order.order_id), asyncio.Event()

    @asynccontextmanager
    async def hold(activity: str) -> AsyncIterator[None]:
        if activity == activity_name(CHARGE.action):
            charging.set()
            await asyncio.Event().wait()  # until its time is over: nobody waits for it any more
        yield

    world.injector.gates[saga_id] = hold
    saga = await world.client.start_workflow(
        PlaceOrder.run, PlaceOrderInput(**dict(order)), id=saga_id, task_queue=Queue.ORDERS
    )
    async with asyncio.timeout(PATIENCE):
        await charging.wait()
    await saga.terminate("by mistake")
    world.injector.gates.pop(saga_id)
    return Meeting({"R": order})


@dataclass(frozen=True)
class ResetPartner:
    """An operator who resets the saga that has placed the order `R`, and its second life."""

    name: str = "reset the saga that has placed it"
    kind: str = "reset"

    async def act(self, side: Side) -> PartnerEnding:
        """To the end of the second life."""
        client, gates = side.environment.client, side.environment.injector.gates
        saga_id = workflow_id(side.meeting.orders["R"].order_id)
        try:
            async with side.turns.take(side.letter, "reset"):
                life = await _find_life(client, saga_id)
                side.gate(saga_id)
                second = await reset(client, life, FIRST)
            return PartnerEnding(await _end_of(second))
        except WorkflowFailureError as error:
            return PartnerEnding(f"its second life ended: {type(error.cause).__name__}")
        finally:
            gates.pop(saga_id, None)


async def _end_of(life: WorkflowHandle[Any, OrderOutcome]) -> str:
    try:
        async with asyncio.timeout(run.PATIENCE):
            return str((await life.result()).status)
    except TimeoutError:
        await life.terminate("stuck")
        return "its second life is stuck"


async def _find_life(client: Client, saga_id: str) -> WorkflowHandle[Any, OrderOutcome]:
    """The newest run of a saga, as soon as it has a task that it can be reset to."""
    async with asyncio.timeout(PATIENCE):
        while True:
            run_id = (await client.get_workflow_handle(saga_id).describe()).run_id
            life = client.get_workflow_handle(saga_id, run_id=run_id, result_type=OrderOutcome)
            if FIRST in tasks_of([event async for event in life.fetch_history_events()]):
                return life
            await asyncio.sleep(SOON)


@dataclass(frozen=True)
class AuditPartner:
    """An audit that looks at the order of this name, and repairs what it finds.

    `only`: it is asked for this order, so that it looks at sagas that no list shows it.
    """

    order: str
    only: bool = False
    name: str = "audit the order"
    kind: str = "audit"

    async def act(self, side: Side) -> PartnerEnding:
        """To the audit's end, which tells what it had to do."""
        case = side.meeting.case(self.order)
        report = await audit(side.world, case, begins=side.gate, only=self.only)
        did = [f"{each.orphan.remedy} {each.orphan.saga_id}" for each in report.repaired]
        said = ", ".join([*did, *map(str, report.settled)]) or DONE
        order_id = side.meeting.orders[self.order].order_id
        return PartnerEnding(said.replace(order_id, self.order))  # as it is in each run
