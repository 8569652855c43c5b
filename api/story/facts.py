"""All that is on record of one order, and what its sagas tell, read at once."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from api.temporal.observed_saga import ObservedSaga
from api.temporal.saga_gateway import OrderSagas
from contracts import workflow_io
from contracts.event_records import RecordedEvent
from contracts.inventory import Holding
from contracts.names import return_id, workflow_id
from contracts.orders import RETURN_ABANDONED, Order, OrderStatus
from contracts.payments import Payment
from contracts.workflow_io import SAGA_TYPES
from saga import SagaState
from saga.participant import NotFound, Unavailable
from services.composition import Services

RETURNED = {"OrderReturnStarted", "OrderReturned", RETURN_ABANDONED}
PLACING, RETURNING = "Placing the order", "Returning it"
PAYMENT, INVENTORY = "The payment service", "The inventory service"
TEMPORAL = "Temporal, or a worker,"
ENDS = {SagaState.COMPLETED, SagaState.COMPENSATED}
T = TypeVar("T")


@dataclass(frozen=True)
class TitledSaga:
    """A saga of an order, and what it is for, in words."""

    title: str
    saga: ObservedSaga

    @property
    def has_ended(self) -> bool:
        """Whether it has come to an end of its own."""
        return self.saga.state in ENDS


@dataclass(frozen=True)
class OrderFacts:
    """An order, its events, its sagas, its payment and its stock.

    The newest saga comes last; none if Temporal has forgotten all. `payment` is None if no charge
    was begun, `holding` if nothing is reserved. `silent` names who did not answer: what they would
    know is missing here.
    """

    order: Order
    events: Sequence[RecordedEvent]
    sagas: Sequence[TitledSaga]
    payment: Payment | None
    holding: Holding | None
    silent: Sequence[str] = field(default=())

    @property
    def is_returning(self) -> bool:
        """Whether a return is under way, be it in trouble."""
        return any(each.title == RETURNING and not each.has_ended for each in self.sagas)


async def read_facts(order_id: str, services: Services, sagas: OrderSagas) -> OrderFacts:
    """Read them. NotFound if there is no such order; Unavailable if orders cannot be read."""
    order, events = await asyncio.gather(
        _read_order(order_id, services, sagas), _read_events(order_id, services)
    )
    silent: list[str] = []
    asked = [
        _answer(_observe(title, saga_id, sagas), TEMPORAL, silent)
        for title, saga_id in _list_sagas(order, events)
    ]
    payment, holding, observed = await asyncio.gather(
        _answer(services.payments.for_order(order_id), PAYMENT, silent),
        _answer(_read_holding(order_id, services), INVENTORY, silent),
        asyncio.gather(*asked),
    )
    found = [saga for saga in observed if saga is not None]
    return OrderFacts(order, events, found, payment, holding, sorted(set(silent)))


def _list_sagas(order: Order, events: Sequence[RecordedEvent]) -> Iterator[tuple[str, str]]:
    """The sagas that an order may have had, by title and id, the newest last."""
    yield PLACING, workflow_id(order.id)
    for kind in SAGA_TYPES:
        if kind not in {workflow_io.PLACING, workflow_io.RETURNING}:
            yield kind.name, kind.first_id(order.id)
    if RETURNED & {event.type for event in events}:
        attempt = 1 + sum(event.type == RETURN_ABANDONED for event in events)
        yield from (
            (RETURNING, return_id(order.id, number)) for number in (attempt - 1, attempt) if number
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


async def _observe(title: str, saga_id: str, sagas: OrderSagas) -> TitledSaga:
    return TitledSaga(title, await sagas.observe(saga_id))


async def _read_order(order_id: str, services: Services, sagas: OrderSagas) -> Order:
    """As recorded, or as accepted."""
    try:
        return await services.orders.get(order_id)
    except NotFound:
        return (await sagas.read_memo(order_id)).to_order()


async def _read_events(order_id: str, services: Services) -> list[RecordedEvent]:
    try:
        return await services.orders.history(order_id)
    except NotFound:  # accepted, but nothing recorded yet
        return []


async def _read_holding(order_id: str, services: Services) -> Holding | None:
    found = await services.inventory.list_holdings([workflow_id(order_id)])
    return found[0] if found else None
