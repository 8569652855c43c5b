"""Readers of all events miss none and repeat none, whoever commits when."""

import asyncio
import contextlib
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from sqlalchemy import select, text

from contracts.event_records import BEGINNING, Position, PositionedEvent
from infrastructure.eventstore.store import EventStore, NewEvent
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from saga.participant import Conflict, Rejected
from services.order.tables import events

STORE = EventStore(events)
STREAMS = [f"stream-{n}" for n in range(20)]
SETTLE = 10


@pytest_asyncio.fixture
async def database(databases: DatabaseSettings) -> AsyncIterator[Database]:
    opened = Database(databases.order_database_url, pool_size=20)
    yield opened
    await opened.close()


@dataclass
class Load:
    """Writers that commit late, for some seconds."""

    database: Database
    seconds: float
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    conflicts: int = 0
    done: bool = False

    async def run(self) -> None:
        ends = asyncio.get_running_loop().time() + self.seconds
        await asyncio.gather(*(self._write_until(ends) for _ in range(8)))
        self.done = True

    async def _write_until(self, ends: float) -> None:
        while asyncio.get_running_loop().time() < ends:
            try:
                await self._write()
            except Conflict:
                self.conflicts += 1

    async def _write(self) -> None:
        stream = self.dice.choice(STREAMS)
        new = [NewEvent("Happened", {}) for _ in range(self.dice.randint(1, 3))]
        async with self.database.transaction() as tx:
            if self.dice.random() < 0.5:  # an id early, as the barrier's row gets one
                await tx.execute(text("SELECT pg_current_xact_id()"))
                await asyncio.sleep(self.dice.expovariate(1 / 0.01))
            version = await STORE.version(tx, stream)
            await STORE.append(tx, stream, new, expected_version=version)
            await asyncio.sleep(self.dice.expovariate(1 / 0.02))


async def everything(database: Database) -> list[Position]:
    async with database.transaction() as tx:
        rows = await tx.execute(select(events.c.transaction_id, events.c.position))
        return sorted(Position(*row) for row in rows)


async def read_along(load: Load, seed: int) -> list[PositionedEvent]:
    """All that one reader got, in the order in which it came, until the load is done."""
    dice = random.Random(seed)
    seen: list[PositionedEvent] = []
    after = BEGINNING
    while True:
        done = load.done
        async with load.database.transaction() as tx:
            found = await STORE.read_all(tx, after=after, limit=dice.randint(1, 50))
        if done and not found:
            return seen
        seen += found
        after = found[-1].position if found else after
        await asyncio.sleep(dice.expovariate(1 / 0.005))


async def read_naively(load: Load) -> list[int]:
    """What a reader gets that goes by position alone."""
    seen: list[int] = []
    number = events.c.position
    while True:
        done = load.done
        async with load.database.transaction() as tx:
            newer = select(number).where(number > (seen[-1] if seen else 0)).order_by(number)
            found = (await tx.execute(newer.limit(50))).scalars().all()
        if done and not found:
            return seen
        seen += found
        await asyncio.sleep(0.005)


def in_order(seen: Sequence[PositionedEvent]) -> bool:
    """Whether each stream's versions come as 1, 2, 3 and so on."""
    streams = defaultdict(list)
    for event in seen:
        streams[event.stream_id].append(event.version)
    return all(them == list(range(1, len(them) + 1)) for them in streams.values())


@pytest.mark.parametrize("seconds", [4, pytest.param(60, marks=pytest.mark.events)])
async def test_readers_miss_nothing_where_a_naive_one_does(
    database: Database, seconds: float
) -> None:
    load = Load(database, seconds)
    async with asyncio.timeout(seconds + SETTLE), asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run())
        simple = tasks.create_task(read_naively(load))
        readers = [tasks.create_task(read_along(load, seed)) for seed in range(4)]
    written = await everything(database)
    for seen in (reader.result() for reader in readers):
        assert [row.position for row in seen] == written
        assert in_order(seen)
    missed = Counter(row.number for row in written) - Counter(simple.result())
    print(f"\n{len(written)} events, {load.conflicts} conflicts; naive missed {missed.total()}")
    assert len(written) > 25 * seconds
    assert load.conflicts > 0
    assert missed


async def test_an_event_that_is_committed_late_is_read_in_its_turn(database: Database) -> None:
    async with database.transaction() as early:
        await STORE.append(early, "slow", [NewEvent("Early", {})], expected_version=0)
        async with database.transaction() as late:
            await STORE.append(late, "quick", [NewEvent("Late", {})], expected_version=0)
        async with database.transaction() as tx:
            assert await STORE.read_all(tx, limit=10) == []
    async with database.transaction() as tx:
        assert [item.type for item in await STORE.read_all(tx, limit=10)] == ["Early", "Late"]


async def test_a_stream_keeps_its_order_though_transactions_began_in_another(
    database: Database,
) -> None:
    async with database.transaction() as first_begun:
        await first_begun.execute(text("SELECT pg_current_xact_id()"))
        async with database.transaction() as second_begun:
            await STORE.append(second_begun, "s", [NewEvent("One", {})], expected_version=0)
        await STORE.append(first_begun, "s", [NewEvent("Two", {})], expected_version=1)
    async with database.transaction() as tx:
        first = await STORE.read_all(tx, limit=1)
        rest = await STORE.read_all(tx, after=first[-1].position, limit=10)
    assert [row.type for row in (*first, *rest)] == ["One", "Two"]


async def test_what_is_rolled_back_is_never_read(database: Database) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction() as tx:
            await STORE.append(tx, "s", [NewEvent("Undone", {})], expected_version=0)
            raise ZeroDivisionError
    async with database.transaction() as tx:
        assert await STORE.read_all(tx, limit=10) == []


async def test_a_transaction_that_only_reads_holds_nobody_back(database: Database) -> None:
    async with database.transaction() as reading:
        await reading.execute(select(events))
        async with database.transaction() as tx:
            await STORE.append(tx, "s", [NewEvent("Seen", {})], expected_version=0)
        async with database.transaction() as tx:
            assert [item.type for item in await STORE.read_all(tx, limit=10)] == ["Seen"]


def test_a_position_survives_being_written_down() -> None:
    assert Position.parse(str(Position(12, 34))) == Position(12, 34)
    for wrong in ("", "12", "a-b", "1-2-3"):
        with pytest.raises(Rejected, match="as it was given"):
            Position.parse(wrong)


async def test_all_events_are_read_backwards_too(database: Database) -> None:
    for stream in STREAMS[:5]:
        async with database.transaction() as tx:
            new = [NewEvent("Happened", {}), NewEvent("HappenedAgain", {})]
            await STORE.append(tx, stream, new, expected_version=0)
    read: list[PositionedEvent] = []
    async with database.transaction() as tx:
        forwards = await STORE.read_all(tx, limit=100)
        while found := await STORE.read_newest(
            tx, before=read[-1].position if read else None, limit=3
        ):
            read += found
        assert await STORE.newest(tx) == forwards[-1].position
    assert read == forwards[::-1]
    assert len(read) == 10
