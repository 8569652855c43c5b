"""All that the console shows of one order, read at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from api.backend import Backend
from api.console.picture import Picture, draw
from api.console.tries import tries_of
from contracts.errors import NotFound
from contracts.events import RecordedEvent
from contracts.names import order_of, return_id, workflow_id
from contracts.orders import RETURN_ABANDONED, Order, OrderStatus
from contracts.payments import Payment, PaymentStatus

RETURNED = {"OrderReturnStarted", "OrderReturned", RETURN_ABANDONED}
HELD = {PaymentStatus.CAPTURED, PaymentStatus.CREATED}
PLACING, RETURNING = "Placing the order", "Returning it"


@dataclass(frozen=True)
class Case:
    """An order, its sagas, its events and its payment.

    The newest saga comes last; there is none if Temporal has forgotten it. `payment` is None if no
    charge was begun.
    """

    order: Order
    sagas: Sequence[Picture]
    events: Sequence[RecordedEvent]
    payment: Payment | None

    @property
    def saga(self) -> Picture | None:
        """The newest saga."""
        return self.sagas[-1] if self.sagas else None

    @property
    def is_open(self) -> bool:
        """Whether it changes by itself."""
        waiting = self.order.status in {OrderStatus.PENDING, OrderStatus.BLOCKED}
        return waiting or any(it.is_open for it in self.sagas)

    @property
    def is_returning(self) -> bool:
        """Whether a return is under way."""
        return len(self.sagas) > 1 and self.sagas[-1].is_open

    @property
    def money_at_stake(self) -> int:
        """Minor units that were taken, or perhaps so, while the order is not settled."""
        unsettled = self.order.status != OrderStatus.CONFIRMED or self.is_returning
        held = self.payment is not None and self.payment.intent_id is not None
        taken = held and self.payment is not None and self.payment.status in HELD
        return self.order.total.minor if unsettled and taken else 0


async def case_of(order_id: str, deps: Backend) -> Case:
    """Read it. NotFound if there is no such order."""
    order, events, payment = await asyncio.gather(
        _order(order_id, deps), _events(order_id, deps), _payment(order_id, deps)
    )
    names = [(PLACING, workflow_id(order_id))]
    if RETURNED & {it.type for it in events}:
        attempt = 1 + sum(it.type == RETURN_ABANDONED for it in events)
        names += [(RETURNING, return_id(order_id, it)) for it in (attempt - 1, attempt) if it]
    elif order.status == OrderStatus.CONFIRMED:
        names.append((RETURNING, return_id(order_id)))  # begun, and nothing recorded yet
    found = await asyncio.gather(*(picture_of(title, name, deps) for title, name in names))
    return Case(order, [it for it in found if it is not None], events, payment)


async def case_of_saga(saga_id: str, deps: Backend) -> Case:
    """The case of the order that a saga is about."""
    return await case_of(order_of(saga_id), deps)


async def picture_of(title: str, saga_id: str, deps: Backend) -> Picture | None:
    """How a saga stands; None if Temporal does not know it."""
    try:
        view, _ = await deps.sagas.view(saga_id)
    except NotFound:
        return None
    tries = await tries_of(deps.client, saga_id)
    return draw(title, view, tries, datetime.now(UTC))


async def _order(order_id: str, deps: Backend) -> Order:
    """As recorded, or as accepted."""
    try:
        return await deps.services.orders.get(order_id)
    except NotFound:
        return (await deps.sagas.accepted(order_id)).as_order()


async def _events(order_id: str, deps: Backend) -> list[RecordedEvent]:
    try:
        return await deps.services.orders.history(order_id)
    except NotFound:  # accepted, but nothing recorded yet
        return []


async def _payment(order_id: str, deps: Backend) -> Payment | None:
    try:
        return await deps.services.payments.for_order(order_id)
    except NotFound:
        return None
