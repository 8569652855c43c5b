"""Steps of the order service."""

from temporalio import activity

from activities.border import key_of
from contracts.message import Reason
from contracts.orders import (
    ConfirmOrder,
    CreateOrder,
    Order,
    OrderService,
    OrderStatus,
    StepNote,
)
from saga import Call


class OrderActivities:
    """Activities `order.*`, on the queue `orders`."""

    def __init__(self, orders: OrderService) -> None:
        self._orders = orders

    @activity.defn(name="order.create")
    async def create(self, call: Call, command: CreateOrder) -> Order:
        """Record the order as pending."""
        return await self._orders.create(key_of(call), command)

    @activity.defn(name="order.close")
    async def close(self, call: Call, command: CreateOrder) -> Order:
        """End the order without effect, for the call's cause."""
        if call.cause is None:
            raise ValueError("order.close is a compensation: its call must have a cause")
        status = OrderStatus(call.cause.ending)
        reason = Reason(code=call.cause.code, detail=call.cause.detail)
        return await self._orders.close(key_of(call), command, status, reason)

    @activity.defn(name="order.confirm")
    async def confirm(self, call: Call, command: ConfirmOrder) -> Order:
        """Make the order binding."""
        return await self._orders.confirm(key_of(call), command)

    @activity.defn(name="order.fence_confirm")
    async def fence_confirm(self, call: Call) -> bool:
        """Refuse a confirmation that has not landed; True if it had."""
        return await self._orders.fence_confirm(key_of(call))

    @activity.defn(name="order.note")
    async def note(self, call: Call, command: StepNote) -> StepNote:
        """Put on record that a step of the saga is blocked, or no longer."""
        return await self._orders.note(key_of(call), command)
