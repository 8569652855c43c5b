"""What goes into and comes out of the workflows of an order, and how each is known by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import not_
from typing import Any, Literal

from pydantic import Field

from contracts.base import Message, Name, Reason
from contracts.names import is_placing_of, is_return_of, order_of, return_id, workflow_id
from contracts.orders import RETURN_ABANDONED, CreateOrder, OrderStatus, StartReturn


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
    """Which order a saga is about, and how it is run: so that a replay runs it the same way.

    `fast_path`: each activity is tried first where the workflow runs (docs/adr/0060-fast-path.md).
    Sagas from before there was one do not.
    `own_queue`: regular activities go to the workflow's own queue, whose workers have them all, so
    that the one which has the workflow may take them at once (docs/adr/0122-own-queue.md).
    `stretch`: one activity attempts consecutive steps first, on the fast path or on the workflow's
    own queue; so its workers have the activities of all steps (docs/adr/0152-stretches.md).
    `words_first`: what follows a step that an operator resolved waits until the word is on record,
    so that what ends the order tells of it (docs/adr/0179-a-return-tells-of-its-words.md).
    `earlier_life`: the saga has lived before under this id, so there may be effects of it, and
    words of operators, of which this workflow's history does not tell
    (docs/adr/0143-later-lives.md).
    `undo`: there is nothing to wait for; the saga is undone, unless its pivot had landed.
    `landed`: its pivot had landed in an earlier life, whatever the pivot's own store says by now.
    It is to be finished, and nothing of it may be undone.
    `since`: when each step began to wait for somebody, in an earlier life of it (ISO 8601).
    """

    order_id: Name
    fast_path: bool = False
    own_queue: bool = False
    stretch: bool = False
    words_first: bool = Field(default=False, exclude_if=not_)
    earlier_life: bool = Field(default=False, exclude_if=not_)
    undo: Undo | None = Field(default=None, exclude_if=not_)
    landed: bool = Field(default=False, exclude_if=not_)
    since: dict[str, str] = Field(default={}, exclude_if=not_)


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


@dataclass(frozen=True)
class SagaType:
    """A kind of saga of an order, as it is known to whoever only looks at it or starts it.

    `name` is its workflow's type; it takes an `input` and answers with an `outcome`. `first_id` is
    the id of an order's first one, and `of(saga_id, order_id)` tells all that it has; `later_ids`
    are those of further ones, by the order and the types of its events. `pivot` is the activity
    that makes it binding, if one does, and `landed(outcome)` whether that was done.
    """

    name: str
    input: type[SagaInput]
    outcome: type[Any]
    first_id: Callable[[str], str]
    of: Callable[[str, str], bool]
    pivot: str
    landed: Callable[[Any], bool]
    later_ids: Callable[[str, Sequence[str]], Sequence[str]] = lambda _order_id, _events: ()

    def list_ids(self, order_id: str, event_types: Sequence[str]) -> Sequence[str]:
        """Of those that an order may have had, by what is in its history; the newest last."""
        return (self.first_id(order_id), *self.later_ids(order_id, event_types))


def _was_confirmed(outcome: OrderOutcome) -> bool:
    return outcome.status is OrderStatus.CONFIRMED


def _was_returned(outcome: ReturnOutcome) -> bool:
    return outcome.returned


def _later_returns(order_id: str, event_types: Sequence[str]) -> Sequence[str]:
    """One behind each that was abandoned."""
    abandoned = sum(kind == RETURN_ABANDONED for kind in event_types)
    return [return_id(order_id, attempt) for attempt in range(2, 2 + abandoned)]


PLACING = SagaType(
    name="PlaceOrder",
    input=PlaceOrderInput,
    outcome=OrderOutcome,
    first_id=workflow_id,
    of=is_placing_of,
    pivot="order.confirm",
    landed=_was_confirmed,
)
RETURNING = SagaType(
    name="ReturnOrder",
    input=ReturnOrderInput,
    outcome=ReturnOutcome,
    first_id=return_id,
    of=is_return_of,
    pivot="payment.give_back",
    landed=_was_returned,
    later_ids=_later_returns,
)
SAGA_TYPES: Sequence[SagaType] = (PLACING, RETURNING)


def type_of(saga_id: str) -> SagaType | None:
    """What kind of saga has this id; None if it is no saga's of an order."""
    order_id = order_of(saga_id)
    return next((kind for kind in SAGA_TYPES if kind.of(saga_id, order_id)), None)


def find_saga_type(workflow_type: str) -> SagaType | None:
    """The kind of saga whose workflow is of this type, if there is one."""
    return next((kind for kind in SAGA_TYPES if kind.name == workflow_type), None)


def any_of(types: Sequence[str]) -> str:
    """The part of a query of Temporal's list that finds workflows of these types."""
    return f"WorkflowType IN ({', '.join(map(repr, types))})"


class CancelOrder(Message):
    """A wish to cancel, and whose it is."""

    reason: str = "cancelled by the customer"
    by: Literal["customer", "operator", "audit"] = "customer"


TOO_LATE = "TooLateToCancel"
UNFIT_TEXT = "UnfitText"
