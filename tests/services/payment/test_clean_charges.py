"""The statements of a charge that are a transaction each, as they meet other transactions."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from contracts.events.integration_events import DomainEvent
from contracts.payments import ChargePayment, Payment, PaymentStatus
from infrastructure.messaging.outbox import Outbox
from saga.participant import StepKey
from saga.participant.barrier import Barrier
from saga.participant.clean_action import CleanAction
from saga.participant.digest import digest_of
from services.payment import sql
from services.payment.tables import barrier, outbox
from tests.services.payment.stack import an_order
from tests.support.ways import WatchedDatabase, count, meanwhile

Order = tuple[StepKey, ChargePayment]
TOUCHED = "UPDATE barrier SET state = state"
CAPTURED = "payments WHERE status = 'captured'"
DONE = "barrier WHERE state = 'done'"


@pytest_asyncio.fixture
async def database(payment_database_url: str) -> AsyncIterator[WatchedDatabase]:
    """Without a row."""
    opened = WatchedDatabase(payment_database_url)
    yield opened
    await opened.close()


async def attempt(
    database: WatchedDatabase, action: CleanAction[DomainEvent], order: Order, **options: Any
) -> Mapping[str, Any] | None:
    """One attempt, with the intent `pi_1`."""
    key, command = order
    its = {"its_order": command.order_id, "its_intent": "pi_1"} | sql.first(key, command)
    digest = digest_of(ChargePayment, command)
    return await action.attempt(database.single(), key, digest, its, **options)


async def capture(database: WatchedDatabase, order: Order) -> bool:
    """Whether it was captured by one statement."""
    status, (_, command) = PaymentStatus.CAPTURED, order
    reply = Payment(
        order_id=command.order_id, status=status, amount=command.amount, intent_id="pi_1"
    )
    action = sql.capture_cleanly(Barrier(barrier, Outbox(outbox)))
    return await attempt(database, action, order, reply=reply) is not None


@pytest_asyncio.fixture
async def begun(database: WatchedDatabase) -> Order:
    """A charge with an intent."""
    order = an_order()
    assert await attempt(database, sql.begin_cleanly(), order)
    assert await attempt(database, sql.attach_cleanly(), order)
    return order


async def test_a_charge_begins_once_and_has_one_intent(
    database: WatchedDatabase, begun: Order
) -> None:
    assert await attempt(database, sql.begin_cleanly(), begun) is None
    assert await attempt(database, sql.attach_cleanly(), begun) is None
    assert (await count(database, "payments"), await count(database, "barrier")) == (1, 1)


async def test_a_charge_whose_row_another_attempt_has_touched_meanwhile_is_captured(
    database: WatchedDatabase, begun: Order
) -> None:
    async with meanwhile(database, capture(database, begun), TOUCHED) as captured:
        assert await captured
    assert (await count(database, CAPTURED), await count(database, DONE)) == (1, 1)


@pytest.mark.parametrize(
    "meanwhile_done",
    [
        ("UPDATE barrier SET state = 'tombstone'",),
        ("UPDATE barrier SET state = 'done'",),
        ("UPDATE barrier SET digest = 'another'",),
        (TOUCHED, "UPDATE payments SET status = 'declined', detail = 'no'"),
        (TOUCHED, "UPDATE payments SET intent_id = 'pi_2'"),
    ],
)
async def test_a_charge_that_is_not_what_it_was_is_not_captured(
    database: WatchedDatabase, begun: Order, meanwhile_done: tuple[str, ...]
) -> None:
    async with meanwhile(database, capture(database, begun), *meanwhile_done) as captured:
        assert not await captured
    assert await count(database, CAPTURED) == 0
    assert await count(database, "barrier WHERE reply IS NOT NULL") == 0


async def test_a_charge_that_is_undone_meanwhile_gets_no_intent(database: WatchedDatabase) -> None:
    order = an_order()
    assert await attempt(database, sql.begin_cleanly(), order)
    undone = "UPDATE barrier SET state = 'tombstone'"
    attaching = attempt(database, sql.attach_cleanly(), order)
    async with meanwhile(database, attaching, undone) as attached:
        assert await attached is None
    assert await count(database, "payments WHERE intent_id IS NULL") == 1


async def test_a_payment_that_another_saga_begins_meanwhile_is_not_begun_twice(
    database: WatchedDatabase,
) -> None:
    key, command = an_order()
    other = f"""INSERT INTO payments
        (order_id, saga_id, step, amount_minor, currency, payment_method)
        VALUES ('{command.order_id}', 'other', 'charge', 1, 'EUR', 'pm')"""
    beginning = attempt(database, sql.begin_cleanly(), (key, command))
    async with meanwhile(database, beginning, other) as begun:
        assert await begun is None
    assert await count(database, "barrier") == 0
