"""What goes into and comes out of the workflows of an order."""

from typing import Literal

from contracts.message import Message, Reason
from contracts.orders import CreateOrder, OrderStatus, StartReturn


class Undo(Message):
    """Have a saga undone from its start on, unless its pivot had landed; and why.

    `by_temporal`: since Temporal was asked to cancel it, so there it ends as Canceled.
    """

    ending: Literal["rejected", "cancelled", "timed_out"] = "cancelled"
    code: str
    detail: str
    step: str = ""
    by_temporal: bool = False


class SagaInput(Message):
    """How a saga is run: a part of its input, so that a replay runs it the same way.

    `fast_path`: each activity is tried first where the workflow runs (docs/adr/0060-fast-path.md).
    Sagas from before there was one do not.
    `own_queue`: regular activities go to the workflow's own queue, whose workers have them all, so
    that the one which has the workflow may take them at once (docs/adr/0122-own-queue.md).
    `earlier_life`: the saga has lived before under this id, so there may be effects of it, and
    words of operators, of which this workflow's history does not tell
    (docs/adr/0143-later-lives.md).
    `undo`: there is nothing to wait for; the saga is undone, unless its pivot had landed.
    `landed`: its pivot had landed in an earlier life, whatever the pivot's own store says by now.
    It is to be finished, and nothing of it may be undone.
    """

    fast_path: bool = False
    own_queue: bool = False
    earlier_life: bool = False
    undo: Undo | None = None
    landed: bool = False


class PlaceOrderInput(CreateOrder, SagaInput):
    """The input of PlaceOrder: the accepted order."""


class ReturnOrderInput(StartReturn, SagaInput):
    """The input of ReturnOrder: what goes back."""


class OrderOutcome(Message):
    """How an order ended."""

    order_id: str
    status: OrderStatus
    reason: Reason | None = None


class ReturnOutcome(Message):
    """How a return ended: returned, or abandoned for a reason, and the order is as before."""

    order_id: str
    returned: bool
    reason: Reason | None = None


class CancelOrder(Message):
    """A wish to cancel, and whose it is."""

    reason: str = "cancelled by the customer"
    by: Literal["customer", "operator", "audit"] = "customer"


TOO_LATE = "TooLateToCancel"
UNFIT_TEXT = "UnfitText"
