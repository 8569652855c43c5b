"""What meets a return of an order."""

from contracts.names import return_id
from contracts.workflow_io import ReturnOrderInput
from invariants.cases import OrderCase
from invariants.environment import OrderWorld
from invariants.pairs.meeting import Meeting, run_on_path
from invariants.stock_and_money import new_order
from invariants.subjects.return_order import RETURN_ORDER, confirm
from saga.verify.concurrent.pair import SagaPartner


async def one_new_order(world: OrderWorld) -> Meeting:
    """An order that is not placed yet, and is to be returned."""
    return Meeting({"R": await new_order(world)})


async def one_confirmed_order(world: OrderWorld) -> Meeting:
    """An order that is confirmed and may be returned."""
    order = await new_order(world)
    await confirm(world, order)
    return Meeting({"R": order})


async def a_confirmed_order_and_a_new_one(world: OrderWorld) -> Meeting:
    """An order that is confirmed, and one for all that is left of its product."""
    first, second = await new_order(world), await new_order(world)
    await confirm(world, first)
    return Meeting({"R": first, "B": second.model_copy(update={"items": first.items})})


def return_it(attempt: int = 1) -> SagaPartner:
    """The saga that returns the order `R`: the API numbers the attempts."""

    async def case(_: OrderWorld, meeting: Meeting) -> OrderCase:
        order = meeting.orders["R"]
        what = {"order_id": order.order_id, "items": order.items, "total": order.total}
        start = ReturnOrderInput(**what, words_first=True)
        return OrderCase(return_id(order.order_id, attempt), start, order=order)

    return SagaPartner("return", RETURN_ORDER, case, on_path=run_on_path)
