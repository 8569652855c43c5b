"""An accepted order, as it is kept in its workflow's memo."""

from datetime import datetime

from contracts.base import Message
from contracts.orders import AcceptedOrder, CreateOrder, Order, OrderStatus


class OrderMemo(Message):
    """What was accepted, and a fingerprint of the request that asked for it."""

    order: CreateOrder
    fingerprint: str
    accepted_at: datetime

    def to_saga_input(self) -> CreateOrder:
        """The saga's input: it takes all of this to the record, which outlives the memo."""
        extra = {"fingerprint": self.fingerprint, "accepted_at": self.accepted_at}
        return self.order.model_copy(update=extra)

    def to_accepted_order(self) -> AcceptedOrder:
        """What the caller is told, then and whenever the request is repeated."""
        return AcceptedOrder(order=self.to_order(), fingerprint=self.fingerprint)

    def to_order(self) -> Order:
        """The order as it looks before its first step."""
        return Order(
            id=self.order.order_id,
            customer_id=self.order.customer_id,
            status=OrderStatus.PENDING,
            items=self.order.items,
            total=self.order.total,
            reason=None,
            version=0,
            created_at=self.accepted_at,
            updated_at=self.accepted_at,
        )
