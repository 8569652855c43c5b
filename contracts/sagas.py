"""What goes into and comes out of the order saga's workflow."""

from contracts.message import Message, Reason
from contracts.orders import OrderStatus


class OrderOutcome(Message):
    """How an order ended."""

    order_id: str
    status: OrderStatus
    reason: Reason | None = None


class CancelOrder(Message):
    """A customer's wish to cancel."""

    reason: str = "cancelled by the customer"


TOO_LATE = "TooLateToCancel"
