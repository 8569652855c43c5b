"""All that is on record of one order, and what its sagas tell, read at once."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from api.story.stopped_steps import observe
from api.temporal.observed_saga import ObservedSaga, SilentSaga
from api.temporal.saga_gateway import OrderSagas
from api.temporal.troubles import Kind, SagaTrouble
from api.trouble.trouble_list import TroubleList
from contracts import workflow_io
from contracts.event_records import RecordedEvent
from contracts.inventory import Holding
from contracts.orders import BY_HAND, RETURN_ABANDONED, Order, OrderStatus
from contracts.payments import Kept, Payment
from contracts.workflow_io import SAGA_TYPES
from saga import SagaState
from saga.participant import NotFound, Unavailable
from services.composition import Services
from workflows.return_order import MARK_RETURNED

RETURNED = {"OrderReturnStarted", "OrderReturned", RETURN_ABANDONED}
PLACING, RETURNING = "Placing the order", "Returning it"
PAYMENT, INVENTORY = "The payment service", "The inventory service"
PROVIDER = "The payment provider"
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

    @property
    def was_stopped(self) -> bool:
        """Whether its workflow was ended from outside."""
        return self.saga.trouble is not None and self.saga.trouble.kind is Kind.ENDED

    @property
    def stands_still(self) -> bool:
        """Whether it has not come to its end, and does not go on, as far as anybody can judge."""
        trouble, answers = self.saga.trouble, self.saga.view is not None
        if trouble is None or (trouble.kind is Kind.UNKNOWN and answers):
            return False
        return not trouble.goes_on


@dataclass(frozen=True)
class OrderFacts:
    """An order, its events, its sagas, its payment and its stock.

    The newest saga comes last; none if Temporal has forgotten all. `payment` is None if no charge
    was begun, `kept` if the provider was not asked: while the
    order is at work its money moves, and the payment tells. `silent` names who did not answer: what
    they would know is missing here. `troubles`: what is wrong with its sagas, with its money and
    with its records, as the list of trouble has it.
    """

    order: Order
    events: Sequence[RecordedEvent]
    sagas: Sequence[TitledSaga]
    payment: Payment | None
    holdings: Sequence[Holding]
    kept: Kept | None = None
    silent: Sequence[str] = field(default=())
    troubles: Sequence[SagaTrouble] = field(default=())

    @property
    def is_returning(self) -> bool:
        """Whether a return is under way, be it in trouble; on record, if Temporal is silent."""
        if any(each.title == RETURNING and not each.has_ended for each in self.sagas):
            return True
        returns = [event for event in self.events if event.type in RETURNED or _ends_return(event)]
        last = [event.type for event in returns][-1:]
        return TEMPORAL in self.silent and last == ["OrderReturnStarted"]

    @property
    def is_at_work(self) -> bool:
        """Whether it is on its way as it should be, so that its money is about to move."""
        placing = (each for each in self.sagas if each.title == PLACING)
        return self.order.status is OrderStatus.PENDING and any(
            not each.stands_still and not each.has_ended for each in placing
        )


def _ends_return(event: RecordedEvent) -> bool:
    """Whether it is an operator's word on the last step of a return, which has ended by that."""
    return event.data.get("step") == MARK_RETURNED.name and event.data.get("action") in BY_HAND


async def read_facts(
    order_id: str, services: Services, sagas: OrderSagas, troubles: TroubleList
) -> OrderFacts:
    """Read them. NotFound if there is no such order; Unavailable if orders cannot be read."""
    order, events = await asyncio.gather(
        _read_order(order_id, services, sagas), _read_events(order_id, services)
    )
    silent: list[str] = []
    mute: list[SagaTrouble] = []
    asked = [
        _answer(_observe(title, saga_id, services, sagas, mute), TEMPORAL, silent)
        for title, saga_id in _list_sagas(order, events)
    ]
    payment, holdings, left, observed = await asyncio.gather(
        _answer(services.payments.for_order(order_id), PAYMENT, silent),
        _answer(services.inventory.list_holdings(_list_ids(order, events)), INVENTORY, silent),
        _answer(troubles.list_left(order_id), TEMPORAL, silent),
        asyncio.gather(*asked),
    )
    found = [saga for saga in observed if saga is not None]
    facts = OrderFacts(order, events, found, payment, holdings or ())
    kept = None
    if payment is not None and not facts.is_at_work:
        kept = await _answer(services.payments.kept_of(order_id), PROVIDER, silent)
    wrong = tell_once([*_list_troubles(found), *mute, *(left or ())])
    return replace(facts, kept=kept, silent=sorted(set(silent)), troubles=wrong)


def _list_troubles(sagas: Sequence[TitledSaga]) -> Iterator[SagaTrouble]:
    for each in sagas:
        if each.saga.trouble is not None:
            yield SagaTrouble(saga_id=each.saga.saga_id, trouble=each.saga.trouble)


def tell_once(troubles: Sequence[SagaTrouble]) -> list[SagaTrouble]:
    """The first of each saga: as long as Temporal's stands, an audit's cannot be helped."""
    by_saga = {each.saga_id: each for each in reversed(troubles)}
    return [each for each in troubles if by_saga[each.saga_id] is each]


def _list_sagas(order: Order, events: Sequence[RecordedEvent]) -> Iterator[tuple[str, str]]:
    """The sagas that an order may have had, by title and id, the newest last."""
    titles = {workflow_io.PLACING: PLACING, workflow_io.RETURNING: RETURNING}
    types = [event.type for event in events]
    for kind in sorted(SAGA_TYPES, key=lambda kind: kind is workflow_io.RETURNING):
        if kind is workflow_io.RETURNING and not _may_be_returned(order, types):
            continue
        for saga_id in kind.list_ids(order.id, types):
            yield titles.get(kind, kind.name), saga_id


def _may_be_returned(order: Order, event_types: Sequence[str]) -> bool:
    """Whether a return may have begun, be it that nothing of it is recorded yet."""
    return order.status is OrderStatus.CONFIRMED or not RETURNED.isdisjoint(event_types)


def _list_ids(order: Order, events: Sequence[RecordedEvent]) -> list[str]:
    types = [event.type for event in events]
    return [saga_id for kind in SAGA_TYPES for saga_id in kind.list_ids(order.id, types)]


async def _answer(asked: Awaitable[T | None], who: str, silent: list[str]) -> T | None:
    """What was asked for; None if it is not there, and if nobody answers, which is noted."""
    try:
        return await asked
    except NotFound:
        return None
    except Unavailable:
        silent.append(who)
        return None


async def _observe(
    title: str, saga_id: str, services: Services, sagas: OrderSagas, mute: list[SagaTrouble]
) -> TitledSaga:
    """How a saga stands. Of one that is silent, what is wrong is noted."""
    try:
        return TitledSaga(title, await observe(saga_id, services, sagas))
    except SilentSaga as error:
        if error.trouble is not None and error.trouble.kind is not Kind.BLOCKED:
            mute.append(SagaTrouble(saga_id=saga_id, trouble=error.trouble))
        raise


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
