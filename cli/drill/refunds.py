"""Refunds that the provider refuses: one that is made when it is asked for again, one that is not.

The provider's balance does not cover them, as it says of each order that we name to it.
"""

from cli.client import ApiError
from cli.drill.drill import Drill
from cli.drill.incident import Incident
from cli.drill.practice_stack import Placed, PracticeStack
from contracts.names import return_id
from local_stack.errors import StackError

OFTEN = 100  # refusals: more than anybody asks for, and then it is over
TRIES = 5  # orders, until one is cancelled while its charge is on its way
BLOCKED = "docs/runbooks/blocked.md"


async def _refuse_return(stack: PracticeStack) -> Incident:
    placed = stack.place()
    await stack.until_status(placed.order_id, "confirmed")
    stack.order_fault("refund", "no_balance", placed.order_id, OFTEN)
    try:
        stack.api.post(f"/v1/orders/{placed.order_id}/return")
        await stack.until_listed(placed.order_id)
    finally:
        stack.forget_faults(placed.order_id)
    return Incident(drill=REFUSED_REFUND.name, **placed._asdict())


async def _refuse_cancel(stack: PracticeStack) -> Incident:
    for _ in range(TRIES):
        placed = await stack.place_charged("pm_sandbox_slow")
        stack.order_fault("refund", "no_balance", placed.order_id, OFTEN)
        if await _cancel(stack, placed):
            return Incident(drill=REFUND_BY_HAND.name, **placed._asdict())
        stack.forget_faults(placed.order_id)
    raise StackError("no order could be cancelled while it was being charged: try again")


async def _cancel(stack: PracticeStack, placed: Placed) -> bool:
    """Whether the order is undone; its charge may have been quicker."""
    try:
        stack.api.post(f"/v1/orders/{placed.order_id}/cancel", {"reason": "changed my mind"})
    except ApiError as error:
        if error.status != 409:
            raise
    await stack.until_status(placed.order_id, "blocked", "confirmed")
    return await stack.read_status(placed.order_id) == "blocked"


async def _refund(stack: PracticeStack, made: Incident, saga_id: str, step: str) -> None:
    """The account has money again, and somebody asks for the refund."""
    stack.forget_faults(made.order_id)
    if stack.find_trouble(made.order_id):
        stack.api.post(f"/v1/sagas/{saga_id}/steps/{step}/resolve", {"action": "retry"})


async def _finish_return(stack: PracticeStack, made: Incident) -> None:
    await _refund(stack, made, return_id(made.order_id), "refund_payment")
    await stack.until_status(made.order_id, "returned")


async def _finish_cancel(stack: PracticeStack, made: Incident) -> None:
    await _refund(stack, made, made.saga_id, "charge_payment")
    await stack.until_status(made.order_id, "cancelled")


REFUSED_REFUND = Drill(
    name="refused-refund",
    page=BLOCKED,
    happens="the provider refused a refund, and would make it by now",
    seen="The alert SagaBlocked fires. A customer calls: “I sent {order_id} back days ago. Where "
    "is my money?” The provider's balance was too low then; it has been filled since.",
    make=_refuse_return,
    put_back=_finish_return,
    ends=frozenset({"returned"}),
)
REFUND_BY_HAND = Drill(
    name="refund-by-hand",
    page=BLOCKED,
    happens="the provider refuses a refund, whoever asks and however often",
    seen="The alert SagaBlocked fires. A customer calls: “I cancelled {order_id}, and you kept my "
    "money.” The provider does not refund it. Accounting has sent it by bank transfer, slip 12.",
    make=_refuse_cancel,
    put_back=_finish_cancel,
    ends=frozenset({"cancelled"}),
    by_hand=True,
)
