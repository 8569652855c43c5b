"""What the order service publishes of the events that it records."""

from collections.abc import Iterator, Mapping

from contracts.base import Reason
from contracts.events.integration_events import DomainEvent, EventType, OrderEvent
from contracts.orders import ACTION_REQUIRED, OrderStatus
from infrastructure.eventstore.store import NewEvent
from services.order.aggregate import OrderAggregate

TOLD: Mapping[str, EventType] = {
    "OrderPlaced": EventType.ORDER_PLACED,
    "OrderConfirmed": EventType.ORDER_CONFIRMED,
    "OrderRejected": EventType.ORDER_REJECTED,
    "OrderCancelled": EventType.ORDER_CANCELLED,
    "OrderTimedOut": EventType.ORDER_TIMED_OUT,
    "OrderReturned": EventType.ORDER_RETURNED,
    ACTION_REQUIRED: EventType.ORDER_ACTION_REQUIRED,
    "StepBlocked": EventType.ORDER_BLOCKED,
    "StepUnblocked": EventType.ORDER_UNBLOCKED,
}


def to_integration_events(event: NewEvent, after: OrderAggregate) -> Iterator[DomainEvent]:
    """What is told of an event, given the order after it: nothing, or one thing."""
    told = TOLD.get(event.type)
    if told is EventType.ORDER_UNBLOCKED and after.status == OrderStatus.BLOCKED:
        return  # another step still is
    if told is EventType.ORDER_BLOCKED and "who" in event.data:
        return  # it was before, and an operator has it tried again
    if told is None or after.total is None:
        return
    data = OrderEvent(
        order_id=after.id,
        customer_id=after.customer_id,
        status=after.status,
        total=after.total,
        reason=_without_quotes(after.reason),
        version=after.version,
        settled_by_hand=after.settled_by_hand,
        next_action=after.next_action,
    )
    yield DomainEvent(told, after.id, data)


def _without_quotes(reason: Reason | None) -> Reason | None:
    """The reason in the words of its code. Its own detail is what a customer or an error said, and
    may quote anything: it stays with the order.
    """
    return reason and Reason(code=reason.code, detail=reason.code.replace("_", " "))
