"""What docs/barrier-protocol.md says is what the barrier does, on a real PostgreSQL."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from itertools import product

import pytest
import pytest_asyncio
from pydantic import BaseModel
from sqlalchemy import text

from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseSettings
from saga.participant import Unavailable
from saga.participant.barrier import Barrier
from saga.participant.digest import digest_of
from services.inventory.tables import barrier as table
from tests.docs.markdown import FENCED
from tests.participant.page import (
    NO_ANSWER,
    NONE,
    PAGE,
    Found,
    Rule,
    Standing,
    Table,
    expected,
    transitions,
)
from tests.participant.participant import BEGINNING, WHO, Participant, Reply
from tests.support.waiting import until

NOTHING = Found(NONE, NONE)
FEWEST_WAITS = 14  # of the 32 cases of a state; the others meet at no row, or the first is refused
DOING = {"takes effect", "undoes the effect", "undoes nothing"}
STATES = sorted({found for found, _ in transitions()})


@pytest_asyncio.fixture
async def participant(databases: DatabaseSettings) -> AsyncIterator[Participant]:
    """With a barrier in the inventory's database."""
    database = Database(databases.inventory_database_url, pool_size=5)
    yield Participant(database)
    await database.close()


def standing(found: Found, digest: str | None) -> Standing:
    """These rows, made by a command of this digest."""
    return Standing(
        found,
        None if found.action == NONE else digest,
        None if found.compensation == NONE else digest,
    )


async def committed_states(participant: Participant) -> set[Found]:
    """All that can be reached from nothing, whoever comes, in one transaction or the first."""
    reached, new = set[Found](), {NOTHING}
    ways = [*product(WHO, [False]), *product(BEGINNING, [True])]
    while new:
        reached |= new
        found: set[Found] = set()
        for state, (who, begin) in product(new, ways):
            key = await participant.put(standing(state, "d1"))
            await participant.ask(key, (who, "d1"), begin=begin)
            found.add((await participant.rows(key)).found)
        new = found - reached
    return reached


async def observed(participant: Participant, found: Found, who: str) -> Rule:
    """What the barrier does with one who comes, and with another command."""
    key = await participant.put(standing(found, "d1"))
    answer = await participant.ask(key, (who, "d1"))
    then = (await participant.rows(key)).found
    if found == NOTHING or who.startswith("fence"):
        return Rule(then, answer, NO_ANSWER)
    before = standing(found, "d1")
    key = await participant.put(before)
    another = await participant.ask(key, (who, "d2"))
    assert await participant.rows(key) == before, "another command changed something"
    return Rule(then, answer, another)


async def test_the_table_is_what_the_barrier_does_in_every_state_with_whoever_comes(
    participant: Participant,
) -> None:
    states = await committed_states(participant)
    assert len(states) == 8
    places = list(product(sorted(states), WHO))
    does: Table = {place: await observed(participant, *place) for place in places}
    assert transitions() == does


async def test_where_a_digest_is_missing_nothing_is_compared(participant: Participant) -> None:
    for (found, who), rule in transitions().items():
        for kept, brought in ((None, "d2"), ("d1", None)):
            if who == "action" and brought is None:
                continue  # an action always has a command
            key = await participant.put(standing(found, kept))
            assert await participant.ask(key, (who, brought)) == rule.answer, (found, who)
            assert (await participant.rows(key)).found == rule.then, (found, who)


async def test_a_row_keeps_the_digest_with_which_it_was_made(participant: Participant) -> None:
    page = transitions()
    for found, who in page:
        for kept in ("d1", None):
            before = standing(found, kept)
            key = await participant.put(before)
            await participant.ask(key, (who, "d1"))
            assert await participant.rows(key) == expected(page, before, who, "d1")[0]


async def test_the_first_of_several_transactions_leaves_started_where_the_table_says_done(
    participant: Participant,
) -> None:
    for (found, who), rule in transitions().items():
        if who not in BEGINNING:
            continue
        then = rule.then
        if rule.answer in DOING:
            then = then._replace(**{who: "started"})
        key = await participant.put(standing(found, "d1"))
        assert await participant.ask(key, (who, "d1"), begin=True) == rule.answer
        assert (await participant.rows(key)).found == then, (found, who)


@pytest.mark.parametrize("found", STATES, ids="-".join)
async def test_two_at_once_are_as_one_after_the_other(
    participant: Participant, found: Found
) -> None:
    page = transitions()
    for first, second, digest in product(WHO, WHO, ("d1", "d2")):
        before = standing(found, "d1")
        key = await participant.put(before)
        between, answer = expected(page, before, first, "d1")
        after, other = expected(page, between, second, digest)
        case = (first, second, digest)
        met = await participant.meet(key, (first, "d1"), (second, digest))
        assert met == (answer, other), case
        assert await participant.rows(key) == after, case
    assert participant.waited >= FEWEST_WAITS


async def test_an_effect_that_is_refused_leaves_what_was_found(participant: Participant) -> None:
    for (found, who), rule in transitions().items():
        if rule.answer in DOING:
            before = standing(found, "d1")
            key = await participant.put(before)
            assert await participant.ask(key, (who, "d1"), says_no=True) == "the business says no"
            assert await participant.rows(key) == before


async def test_under_a_higher_isolation_who_has_waited_is_refused_as_unavailable(
    participant: Participant,
) -> None:
    key = await participant.put(standing(NOTHING, None))
    barrier, database = Barrier(table), participant.database

    async def second() -> Reply | None:
        async with database.transaction() as tx:
            await tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            return await barrier.claim(tx, key, Reply, digest="d1")

    async with database.transaction() as tx:
        await barrier.claim(tx, key, Reply, digest="d1")
        waiting = asyncio.create_task(second())
        await until(participant.one_waits)
        await barrier.finish(tx, key, Reply(said="new"))
    with pytest.raises(Unavailable):
        await waiting
    assert await second() == Reply(said="new")


def blocks(language: str) -> list[str]:
    """The page's fenced blocks in this language."""
    return [code for kind, code in FENCED.findall(PAGE.read_text()) if kind == language]


async def test_the_statement_moves_an_actions_row_as_a_compensation_does(
    participant: Participant,
) -> None:
    (statement,) = blocks("sql")
    moving = text(re.sub(r"\$(\d)", r":p\1", statement))
    before_compensation = [found for found in STATES if found.compensation == NONE]
    assert len(before_compensation) == 4
    for found, digest in product(before_compensation, ("d1", "d2", None)):
        key, twin = [await participant.put(standing(found, "d1")) for _ in range(2)]
        given = {"p1": key.saga_id, "p2": key.step, "p3": digest}
        async with participant.database.transaction() as tx:
            state = (await tx.execute(moving, given)).one()[0]
        answer = await participant.ask(twin, ("compensation", digest))
        assert (state == "reused") == (answer == "key reused")
        moved, voided = await participant.rows(key), await participant.rows(twin)
        assert moved.found.action == voided.found.action
        assert moved.action_digest == voided.action_digest


class BookSeats(BaseModel):
    """A command with a field at its default."""

    passenger: str
    flight: str
    seats: int = 1


def test_the_digest_is_as_the_page_shows() -> None:
    (canonical,), (shown,) = blocks("json"), blocks("text")
    command = BookSeats.model_validate(json.loads(canonical))
    assert digest_of(BookSeats, command) == shown.strip()
    assert hashlib.sha256(canonical.strip().encode()).hexdigest() == shown.strip()
