"""What customers are shown where operators see everything: no names, no evidence, no raw errors.

Fields of events are listed by what may be shown, so that a new one stays hidden until it is listed.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from api.schemas import SagaOut
from api.security.authentication import Caller, Scope
from contracts.base import Reason
from contracts.event_records import RecordedEvent
from contracts.orders import ACTION_REQUIRED, RETURN_ABANDONED, Order

Event = TypeVar("Event", bound=RecordedEvent)

REASON = frozenset({"code", "detail"})
SETTLED = frozenset({"settled_by_hand"})
STEP = frozenset({"step", "still_blocked"})
SHOWN: Mapping[str, frozenset[str]] = {
    "OrderPlaced": frozenset({"customer_id", "total", "payment_method", "accepted_at"}),
    "ItemAdded": frozenset({"sku", "quantity", "unit_price"}),
    ACTION_REQUIRED: frozenset({"type", "url", "until"}),
    "OrderConfirmed": frozenset(),
    "OrderRejected": REASON | SETTLED,
    "OrderCancelled": REASON | SETTLED,
    "OrderTimedOut": REASON | SETTLED,
    "OrderReturnStarted": frozenset({"saga_id"}),
    RETURN_ABANDONED: REASON | {"saga_id"},
    "OrderReturned": SETTLED,
    "StepBlocked": STEP,
    "StepUnblocked": STEP,
}
TIMED_OUT = "_timed_out"  # the end of the codes whose detail is the last error as it came
NO_SUCCESS = "a step did not succeed in time"


def sees_all(me: Caller) -> bool:
    """Whether nothing is kept from the caller."""
    return Scope.OPERATOR in me.scopes


def order_for(me: Caller, order: Order) -> Order:
    """The order as the caller is shown it."""
    if sees_all(me) or order.reason is None:
        return order
    reason = Reason.model_validate(_plain(order.reason.model_dump()))
    return order.model_copy(update={"reason": reason})


def event_for(me: Caller, event: Event) -> Event:
    """The event as the caller is shown it."""
    if sees_all(me):
        return event
    shown = SHOWN.get(event.type, frozenset())
    data = {name: value for name, value in event.data.items() if name in shown}
    return event.model_copy(update={"data": _plain(data)})


def saga_for(me: Caller, saga: SagaOut) -> SagaOut:
    """The saga as the caller is shown it: a cause is its code alone, which has no colon."""
    if sees_all(me):
        return saga
    hidden: dict[str, Any] = {"error": None, "role": None, "words": {}}
    steps = [step.model_copy(update=hidden) for step in saga.steps]
    undone = [each.model_copy(update={"error": None}) for each in saga.compensations]
    cause = saga.cause.partition(":")[0] if saga.cause else None
    shown: dict[str, Any] = {"steps": steps, "compensations": undone, "cause": cause}
    return saga.model_copy(update=shown | {"links": {}, "trouble": None})


def _plain(reason: dict[str, Any]) -> dict[str, Any]:
    """A reason's fields, among others, without an error of the machinery."""
    raw = str(reason.get("code", "")).endswith(TIMED_OUT)
    return reason | {"detail": NO_SUCCESS} if raw and "detail" in reason else reason
