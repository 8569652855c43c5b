"""The barrier's races, on real PostgreSQL: however attempts meet, there is one effect or none."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import repeat

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.base import Message
from infrastructure.messaging.outbox import Outbox
from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from saga.participant import Compensated, KeyReused, StepKey, Unavailable
from saga.participant.barrier import Barrier
from services.inventory.tables import barrier as table
from services.inventory.tables import outbox
from tests.support.waiting import until

Attempt = Callable[[], Awaitable["Reply"]]
KEY = StepKey(saga_id="saga-1", step="reserve")
DIGEST = "d1"


class Reply(Message):
    """What an attempt answers; each attempt that has an effect would answer another number."""

    number: int


class CrashError(Exception):
    """The process dies here."""


class Service:
    """The smallest service with an effect: it counts in a table."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.barrier = Barrier(table, Outbox(outbox))
        self.calls = 0
        self.entered = asyncio.Event()

    async def act(self, *, crash_at: str = "", pause: float = 0, digest: str = DIGEST) -> Reply:
        """Add one to the total, unless it was done or undone before."""

        async def effect() -> Reply:
            _crash(crash_at, "before effect")
            await tx.execute(text("UPDATE effect SET total = total + 1, acted = acted + 1"))
            _crash(crash_at, "after effect")
            self.entered.set()
            await asyncio.sleep(pause)
            self.calls += 1
            return Reply(number=self.calls)

        async with self.database.transaction() as tx:
            reply = await self.barrier.action(tx, KEY, Reply, effect, digest=digest)
            _crash(crash_at, "before commit")
        _crash(crash_at, "after commit")
        return reply

    async def undo(self, *, crash_at: str = "", pause: float = 0, digest: str = DIGEST) -> Reply:
        """Take it back, if there is something to take back."""

        async def undo(acted: Reply | None) -> Reply:
            _crash(crash_at, "before effect")
            if acted is not None:
                await tx.execute(text("UPDATE effect SET total = total - 1, undone = undone + 1"))
            _crash(crash_at, "after effect")
            self.entered.set()
            await asyncio.sleep(pause)
            self.calls += 1
            return Reply(number=self.calls)

        async with self.database.transaction() as tx:
            reply = await self.barrier.compensation(tx, KEY, Reply, Reply, undo, digest=digest)
            _crash(crash_at, "before commit")
        _crash(crash_at, "after commit")
        return reply

    async def fence(self) -> bool:
        """Refuse the action unless it has landed."""
        async with self.database.transaction() as tx:
            return await self.barrier.fence(tx, KEY)

    async def counts(self) -> tuple[int, int, int]:
        """(total, times acted, times undone), as committed."""
        async with self.database.transaction() as tx:
            row = (await tx.execute(text("SELECT total, acted, undone FROM effect"))).one()
            return row.total, row.acted, row.undone

    async def forget(self) -> None:
        """Begin anew."""
        self.entered.clear()
        async with self.database.transaction() as tx:
            await tx.execute(text("DELETE FROM barrier"))
            await tx.execute(text("UPDATE effect SET total = 0, acted = 0, undone = 0"))


POINTS = ("before effect", "after effect", "before commit", "after commit")


def _crash(crash_at: str, here: str) -> None:
    if crash_at == here:
        raise CrashError(here)


@pytest_asyncio.fixture
async def service(databases: DatabaseSettings) -> AsyncIterator[Service]:
    """A service on the inventory database, which has a barrier."""
    database = Database(databases.inventory_database_url, pool_size=20)
    async with database.transaction() as tx:
        await _make_effect(tx)
    yield Service(database)
    async with database.transaction() as tx:
        await tx.execute(text("DROP TABLE effect"))
    await database.close()


async def _make_effect(tx: AsyncConnection) -> None:
    await tx.execute(text("CREATE TABLE effect (total int, acted int, undone int)"))
    await tx.execute(text("INSERT INTO effect VALUES (0, 0, 0)"))


async def test_a_repeated_action_gets_the_first_reply_and_has_one_effect(service: Service) -> None:
    first = await service.act()
    assert [await service.act() for _ in range(3)] == [first] * 3
    assert await service.counts() == (1, 1, 0)


async def test_twenty_actions_at_once_have_one_effect_and_one_reply(service: Service) -> None:
    replies = await asyncio.gather(*(service.act(pause=0.01) for _ in range(20)))
    assert len(set(replies)) == 1
    assert await service.counts() == (1, 1, 0)


async def test_a_compensation_before_the_action_leaves_a_tombstone_that_refuses_it(
    service: Service,
) -> None:
    await service.undo()
    with pytest.raises(Compensated):
        await service.act()
    assert await service.counts() == (0, 0, 0)


async def test_an_action_repeated_after_its_compensation_is_refused(service: Service) -> None:
    await service.act()
    await service.undo()
    with pytest.raises(Compensated):
        await service.act()
    assert await service.counts() == (0, 1, 1)


async def test_a_repeated_compensation_gets_the_first_reply_and_undoes_once(
    service: Service,
) -> None:
    await service.act()
    replies = await asyncio.gather(*(service.undo(pause=0.01) for _ in range(10)))
    assert len(set(replies)) == 1
    assert await service.counts() == (0, 1, 1)


@pytest.mark.parametrize("first", ["action", "compensation"])
async def test_whichever_of_action_and_compensation_comes_first_the_end_is_undone(
    service: Service, first: str
) -> None:
    order = random.Random(7)  # seeded: the same mixture on every run
    for _ in range(20):
        await service.forget()
        rest: list[Attempt] = [*repeat(service.act, 3), *repeat(service.undo, 3)]
        order.shuffle(rest)
        leading = service.act if first == "action" else service.undo
        held = asyncio.create_task(leading(pause=0.02))
        await service.entered.wait()  # it holds the step now; all others must wait for it
        answers = await asyncio.gather(
            held, *(subject() for subject in rest), return_exceptions=True
        )
        assert all(isinstance(answer, (Reply, Compensated)) for answer in answers), answers
        assert await service.counts() == ((0, 1, 1) if first == "action" else (0, 0, 0))


async def test_actions_and_compensations_at_random_end_undone(service: Service) -> None:
    order = random.Random(11)
    for _ in range(40):
        await service.forget()
        attempts: list[Attempt] = [*repeat(service.act, 3), *repeat(service.undo, 2)]
        order.shuffle(attempts)
        await asyncio.gather(*(attempt() for attempt in attempts), return_exceptions=True)
        total, acted, undone = await service.counts()
        assert (total, acted) == (0, undone)
        assert acted <= 1


@pytest.mark.parametrize("point", POINTS)
async def test_an_action_that_crashes_anywhere_can_be_repeated(
    service: Service, point: str
) -> None:
    with pytest.raises(CrashError):
        await service.act(crash_at=point)
    await service.act()
    assert await service.counts() == (1, 1, 0)


@pytest.mark.parametrize("point", POINTS)
async def test_a_compensation_that_crashes_anywhere_can_be_repeated(
    service: Service, point: str
) -> None:
    await service.act()
    with pytest.raises(CrashError):
        await service.undo(crash_at=point)
    await service.undo()
    assert await service.counts() == (0, 1, 1)


@pytest.mark.parametrize("point", POINTS)
async def test_a_compensation_after_a_crashed_action_leaves_nothing(
    service: Service, point: str
) -> None:
    with pytest.raises(CrashError):
        await service.act(crash_at=point)
    await service.undo()
    total, acted, undone = await service.counts()
    assert (total, acted) == (0, undone)


async def test_a_server_side_kill_between_statements_leaves_nothing_half_done(
    service: Service,
) -> None:
    acting = asyncio.create_task(service.act(pause=30))
    await until(lambda: _acted_uncommitted(service))
    async with service.database.transaction() as tx:
        await tx.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND state = 'idle in transaction'"
            )
        )
    acting.cancel()
    with pytest.raises((asyncio.CancelledError, Unavailable)):
        await acting
    await service.act()
    assert await service.counts() == (1, 1, 0)


async def _acted_uncommitted(service: Service) -> bool:
    async with service.database.transaction() as tx:
        statement = text(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
            " AND query LIKE 'UPDATE effect%'"
        )
        return bool((await tx.execute(statement)).scalar_one() == 1)


async def test_a_fence_refuses_an_action_that_has_not_landed(service: Service) -> None:
    assert await service.fence() is False
    with pytest.raises(Compensated):
        await service.act()


async def test_a_fence_leaves_an_action_that_has_landed(service: Service) -> None:
    first = await service.act()
    assert await service.fence() is True
    assert await service.act() == first


async def test_a_fence_waits_for_an_action_under_way_and_sees_it(service: Service) -> None:
    acting = asyncio.create_task(service.act(pause=0.05))
    await service.entered.wait()
    assert await service.fence() is True
    await acting
    assert await service.counts() == (1, 1, 0)


async def test_a_fence_and_an_action_at_random_agree(service: Service) -> None:
    for round_ in range(40):
        await service.forget()
        both: list[Awaitable[object]] = [service.act(), service.fence()]
        if round_ % 2:
            both.reverse()
        answers = await asyncio.gather(*both, return_exceptions=True)
        landed = True in answers
        assert await service.counts() == ((1, 1, 0) if landed else (0, 0, 0))
        assert landed != any(isinstance(answer, Compensated) for answer in answers)


async def test_another_command_under_the_same_key_is_refused_and_changes_nothing(
    service: Service,
) -> None:
    first = await service.act()
    with pytest.raises(KeyReused):
        await service.act(digest="d2")
    with pytest.raises(KeyReused):
        await service.undo(digest="d2")
    assert await service.counts() == (1, 1, 0)
    assert await service.act() == first
    await service.undo()
    with pytest.raises(KeyReused):
        await service.undo(digest="d2")
    assert await service.counts() == (0, 1, 1)


async def test_an_action_of_another_command_than_its_tombstones_is_refused(
    service: Service,
) -> None:
    await service.undo()
    with pytest.raises(KeyReused):
        await service.act(digest="d2")
    assert await service.counts() == (0, 0, 0)


async def test_of_two_commands_that_meet_one_takes_effect(service: Service) -> None:
    for _ in range(20):
        await service.forget()
        attempts = [service.act(digest=digest) for digest in ("d1", "d2", "d1", "d2")]
        answers = await asyncio.gather(*attempts, return_exceptions=True)
        assert sum(isinstance(answer, KeyReused) for answer in answers) == 2, answers
        assert await service.counts() == (1, 1, 0)


async def test_what_is_on_record_without_a_digest_is_answered_for(service: Service) -> None:
    first = await service.act()
    async with service.database.transaction() as tx:
        await tx.execute(text("UPDATE barrier SET digest = NULL"))
    assert await service.act(digest="d2") == first
    await service.undo(digest="d2")
    assert await service.counts() == (0, 1, 1)


async def test_a_fence_has_no_command_to_compare(service: Service) -> None:
    await service.act()
    assert await service.fence() is True
    await service.forget()
    assert await service.fence() is False
    with pytest.raises(Compensated):
        await service.act(digest="d2")
