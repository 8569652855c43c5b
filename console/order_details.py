"""All that the console shows of one order, read at once."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from api.dependencies import Backend
from api.temporal.troubles import Trouble
from console.saga_diagram import Picture, draw
from console.sources.activity_attempts import read_tries
from contracts import workflow_io as sagas
from contracts.event_records import RecordedEvent
from contracts.names import order_of, return_id, workflow_id
from contracts.orders import RETURN_ABANDONED, Order, OrderStatus
from contracts.payments import Payment, is_at_stake
from contracts.workflow_io import SAGA_TYPES
from saga.participant import NotFound, Unavailable

RETURNED = {"OrderReturnStarted", "OrderReturned", RETURN_ABANDONED}
T = TypeVar("T")
PLACING, RETURNING = "Placing the order", "Returning it"


@dataclass(frozen=True)
class OrderDetails:
    """An order, its sagas, its events and its payment.

    The newest saga comes last; there is none if Temporal has forgotten it, or if it is in trouble
    and tells nothing. `payment` is None if no charge was begun. `silent` names who did not answer,
    and `troubles` is what is wrong with the sagas: the page shows what there is.
    """

    order: Order
    sagas: Sequence[Picture]
    events: Sequence[RecordedEvent]
    payment: Payment | None
    silent: Sequence[str] = ()
    troubles: Sequence[Trouble] = ()

    @property
    def saga(self) -> Picture | None:
        """The newest saga."""
        return self.sagas[-1] if self.sagas else None

    @property
    def is_open(self) -> bool:
        """Whether it changes by itself."""
        return self.order.status.is_open or any(saga.is_open for saga in self.sagas)

    @property
    def is_returning(self) -> bool:
        """Whether a return is under way."""
        return any(saga.title == RETURNING and saga.is_open for saga in self.sagas)

    @property
    def money_at_stake(self) -> int:
        """Minor units that were taken, or perhaps so, while the order is not settled."""
        staked = is_at_stake(self.payment, self.order.status, is_returning=self.is_returning)
        return self.order.total.minor if staked else 0


async def read_order_details(order_id: str, deps: Backend) -> OrderDetails:
    """Read it. NotFound if there is no such order; Unavailable if orders cannot be read."""
    order, events = await asyncio.gather(_order(order_id, deps), _events(order_id, deps))
    silent: list[str] = []
    troubles: list[Trouble] = []
    asked = [
        _answer(_picture(title, saga_id, deps, troubles), "Temporal", silent)
        for title, saga_id in _sagas(order, events)
    ]
    payment, sagas = await asyncio.gather(
        _answer(_payment(order_id, deps), "The payment service", silent), asyncio.gather(*asked)
    )
    found = [saga for saga in sagas if saga is not None]
    return OrderDetails(order, found, events, payment, sorted(set(silent)), troubles)


async def read_details_of_saga(saga_id: str, deps: Backend) -> OrderDetails:
    """The case of the order that a saga is about."""
    return await read_order_details(order_of(saga_id), deps)


def _sagas(order: Order, events: Sequence[RecordedEvent]) -> Iterator[tuple[str, str]]:
    """The sagas that an order may have had, by title and id, the newest last."""
    yield PLACING, workflow_id(order.id)
    for kind in SAGA_TYPES:
        if kind not in {sagas.PLACING, sagas.RETURNING}:
            yield kind.name, kind.first_id(order.id)
    if RETURNED & {event.type for event in events}:
        attempt = 1 + sum(event.type == RETURN_ABANDONED for event in events)
        yield from (
            (RETURNING, return_id(order.id, item)) for item in (attempt - 1, attempt) if item
        )
    elif order.status == OrderStatus.CONFIRMED:
        yield RETURNING, return_id(order.id)  # begun, and nothing recorded yet


async def _answer(asked: Awaitable[T | None], who: str, silent: list[str]) -> T | None:
    """What was asked for; None if it is not there, and if nobody answers, which is noted."""
    try:
        return await asked
    except NotFound:
        return None
    except Unavailable:
        silent.append(who)
        return None


async def _picture(
    title: str, saga_id: str, deps: Backend, troubles: list[Trouble]
) -> Picture | None:
    """What a saga tells of itself, if it does; what is wrong with it is noted in `troubles`."""
    saga = await deps.sagas.observe(saga_id)
    if saga.trouble is not None:
        troubles.append(saga.trouble)
    if saga.view is None:
        return None
    tries = await read_tries(deps.client, saga_id)
    return draw(title, saga.view, tries, datetime.now(UTC), state=saga.state)


async def _order(order_id: str, deps: Backend) -> Order:
    """As recorded, or as accepted."""
    try:
        return await deps.services.orders.get(order_id)
    except NotFound:
        return (await deps.sagas.read_memo(order_id)).to_order()


async def _events(order_id: str, deps: Backend) -> list[RecordedEvent]:
    try:
        return await deps.services.orders.history(order_id)
    except NotFound:  # accepted, but nothing recorded yet
        return []


async def _payment(order_id: str, deps: Backend) -> Payment:
    return await deps.services.payments.for_order(order_id)
