"""What goes into and comes out of the workflows of an order."""

from contracts.message import Message, Reason
from contracts.orders import OrderStatus


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
    """A customer's wish to cancel."""

    reason: str = "cancelled by the customer"


TOO_LATE = "TooLateToCancel"
