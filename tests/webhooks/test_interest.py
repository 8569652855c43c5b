"""The bus hands out what webhooks are for, many events at a look, and misses none of it."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from uuid import uuid4

import pytest
import pytest_asyncio

from contracts.events.cloudevents import CloudEvent
from contracts.events.integration_events import EventType
from contracts.webhooks import WebhookEvent
from infrastructure.http.ssrf_safe_client import open_public_http
from infrastructure.messaging.bus import Bus, Deliver, Interest
from infrastructure.messaging.postgres_bus import open_postgres_bus
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from saga.participant import Unavailable
from services.event import interest as module
from services.event.deliveries import Deliveries
from services.event.interest import WebhookInterest
from services.event.tables import bus as tables
from services.event.webhooks import Webhooks
from tests.support.waiting import until
from tests.webhooks.parts import event_of

CONFIRMED, PLACED = EventType.ORDER_CONFIRMED, EventType.ORDER_PLACED
URL = "https://shop.example/hooks"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events gather for a moment alone."""
    monkeypatch.setattr(module, "WHILE_SOME", 0.01)
    monkeypatch.setattr(module, "WHILE_NONE", 0.02)


@pytest_asyncio.fixture
async def bus(databases: DatabaseSettings) -> AsyncIterator[Bus]:
    """The bus on the event database, without an event."""
    async with open_postgres_bus(databases.event_database_url, tables) as opened:
        yield opened


def customer() -> str:
    return f"usr_{uuid4().hex}"


@asynccontextmanager
async def consuming(bus: Bus, deliver: Deliver, interest: Interest) -> AsyncIterator[None]:
    """Consume for the length of a block."""
    task = asyncio.create_task(bus.consume("hooks", deliver, interest=interest))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def passed(bus: Bus) -> bool:
    """Whether all events are behind the subscription."""
    found = [lag for lag in await bus.lags() if lag.subscription == "hooks"]
    return bool(found) and all(lag.waiting == 0 for lag in found)


class Noting:
    """Takes events; each is answered by what `answers` has for it, once each."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.answers: dict[str, list[float]] = {}

    async def deliver(self, event: CloudEvent) -> float | None:
        answers = self.answers.get(event.id)
        self.taken.append(event.id)
        return answers.pop() if answers else None


class Gated:
    """An interest whose looks begin when the test says so; wants all that is in `wanted`."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.reached = 0
        self.looks: list[list[str]] = []
        self.wanted: set[str] = set()
        self.away = False

    async def gather(self) -> None:
        self.reached += 1
        await self.gate.wait()

    async def select(self, events: Sequence[CloudEvent]) -> Collection[str]:
        if self.away:
            raise Unavailable("away")
        self.looks.append([event.id for event in events])
        return self.wanted


def in_one_lane(number: int) -> list[CloudEvent]:
    """So many events of one order."""
    first = event_of(customer())
    return [first.model_copy(update={"id": str(uuid4())}) for _ in range(number)]


async def test_many_events_are_one_look(bus: Bus) -> None:
    gated, noting, events = Gated(), Noting(), in_one_lane(20)
    gated.wanted = {events[7].id}
    async with consuming(bus, noting.deliver, gated):

        async def all_wait() -> bool:
            return gated.reached == 4

        await until(all_wait)
        for event in events:
            await bus.publish([event])
        gated.gate.set()
        await until(lambda: passed(bus))
    assert list(chain(*gated.looks)) == [event.id for event in events]
    assert len(gated.looks) <= 3  # a transaction of the server's own may keep some back for a look
    assert noting.taken == [events[7].id]


async def test_more_than_a_look_takes_are_looked_at_without_a_pause(bus: Bus) -> None:
    gated, noting, events = Gated(), Noting(), in_one_lane(120)
    gated.gate.set()
    await bus.publish(events)
    async with consuming(bus, noting.deliver, gated):
        await until(lambda: passed(bus))
    assert list(chain(*gated.looks)) == [event.id for event in events]
    assert gated.reached < 4 + len(gated.looks)
    assert noting.taken == []


async def test_nothing_is_passed_while_nobody_knows_who_wants_it(bus: Bus) -> None:
    gated, noting, events = Gated(), Noting(), in_one_lane(3)
    gated.gate.set()
    gated.away, gated.wanted = True, {event.id for event in events}
    await bus.publish(events)
    async with consuming(bus, noting.deliver, gated):

        async def tried_again() -> bool:
            return gated.reached >= 4 + 2

        await until(tried_again)
        assert not await passed(bus)
        gated.away = False
        await until(lambda: passed(bus))
    assert noting.taken == [event.id for event in events]


async def test_who_registers_while_a_lane_pauses_gets_what_comes_then(
    bus: Bus, databases: DatabaseSettings
) -> None:
    database, noting = Database(databases.event_database_url), Noting()
    webhooks, mine, later = Webhooks(database), customer(), customer()
    first = event_of(mine)
    behind = event_of(later).model_copy(update={"subject": first.subject})
    noting.answers = {first.id: [0.01] * 3}
    await webhooks.register(mine, URL, [])
    await bus.publish([first])
    async with consuming(bus, noting.deliver, WebhookInterest(database)):

        async def paused() -> bool:
            return bool(noting.taken)

        await until(paused)
        await webhooks.register(later, URL, [])
        await bus.publish([behind])
        await until(lambda: passed(bus))
    assert noting.taken == [first.id] * 4 + [behind.id]
    await database.close()


async def test_every_event_behind_a_registration_is_handed_out(
    bus: Bus, databases: DatabaseSettings
) -> None:
    database, noting = Database(databases.event_database_url), Noting()
    webhooks, owed = Webhooks(database), []

    async def live() -> None:
        """A customer whose orders go on while it registers, turns off and removes webhooks."""
        mine = customer()
        await bus.publish([event_of(mine)])
        webhook = await webhooks.register(mine, URL, [WebhookEvent.ORDER_PLACED])
        owed.append(event_of(mine, PLACED))
        await bus.publish([event_of(mine, CONFIRMED), owed[-1]])
        await webhooks.register(mine, URL, [])
        owed.append(event_of(mine, CONFIRMED))
        await bus.publish([owed[-1]])
        await webhooks.remove(webhook.id)
        owed.append(event_of(mine, PLACED))
        await bus.publish([owed[-1]])

    async with consuming(bus, noting.deliver, WebhookInterest(database)):
        await bus.publish([event_of(customer()) for _ in range(20)])
        await until(lambda: passed(bus))  # it has seen that there is no webhook
        await asyncio.gather(*(live() for _ in range(8)))
        await until(lambda: passed(bus))
    assert {event.id for event in owed} <= set(noting.taken)
    assert len(noting.taken) == len(set(noting.taken))
    await database.close()


async def test_it_selects_what_each_event_by_itself_is_wanted_for(
    databases: DatabaseSettings,
) -> None:
    database = Database(databases.event_database_url)
    webhooks, interest = Webhooks(database), WebhookInterest(database)
    every, some, off, nobody = (customer() for _ in range(4))
    await webhooks.register(every, URL, [])
    await webhooks.register(some, URL, [WebhookEvent.ORDER_PLACED])
    await webhooks.register(some, URL, [WebhookEvent.ORDER_RETURNED])
    disabled = await webhooks.register(off, URL, [])
    async with database.transaction() as tx:
        row = module.webhooks.c
        gone = module.webhooks.update().where(row.id == disabled.id)
        await tx.execute(gone.values(disabled_reason="it answered 410 Gone"))
    events = [event_of(who, kind) for who in (every, some, off, nobody) for kind in EventType]
    events.append(event_of(every).model_copy(update={"data": {}}))
    async with open_public_http([]) as public:
        deliveries = Deliveries(database, public)
        one_by_one = {event.id for event in events if await deliveries.is_wanted(event)}
    assert set(await interest.select(events)) == one_by_one
    assert 0 < len(one_by_one) < len(events)
    assert await interest.select([]) == set()
    await database.close()
