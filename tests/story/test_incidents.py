"""Every incident and every ending, made for real: nothing that anybody is told contradicts it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from api.temporal.troubles import Kind
from api.trouble.trouble_list import TroubleList
from api.trouble.trouble_watch import TroubleWatch
from contracts.names import order_of
from tests.story.comparing import contradictions
from tests.story.incidents import Incident, confirm
from tests.story.oracle import Oracle, Truth, open_oracle
from tests.story.silence import find_lies_in_silence
from tests.story.stopped import terminate, wait_for_worker
from tests.story.surfaces import Surfaces, Told, open_surfaces
from tests.story.table import TABLE
from tests.support.gates import BEFORE
from tests.support.promql import alerts
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_audit import audited


@pytest_asyncio.fixture(scope="module")
async def oracle(world: World) -> AsyncIterator[Oracle]:
    """What is true."""
    async with open_oracle(world) as found:
        yield found


@pytest_asyncio.fixture(scope="module")
async def surfaces(world: World) -> AsyncIterator[Surfaces]:
    """What is told."""
    async with open_surfaces(world) as found:
        yield found


async def look(oracle: Oracle, surfaces: Surfaces, order_id: str, sku: str) -> tuple[Told, Truth]:
    """What is told and what is true, of a moment in which nothing moved."""
    found: list[tuple[Told, Truth]] = []

    async def is_still() -> bool:
        before = await oracle.read(order_id, sku)
        told = await surfaces.read(order_id, list(before.runs))
        found.append((told, before))
        return before == await oracle.read(order_id, sku)

    await until(is_still)
    return found[-1]


SOON = 10.0  # seconds within which trouble is listed, and no more listed when it is over
terminated: list[str] = []  # orders that an audit has to carry on
alerted: set[Kind] = set()


async def see_listed(world: World, order_id: str, kind: Kind | None) -> None:
    """It is in the list of trouble as this soon, or in it no more, if None."""
    await until(lambda: is_listed(world, order_id, kind), within=SOON)


async def is_listed(world: World, order_id: str, kind: Kind | None) -> bool:
    """Whether a saga of it is in the list of trouble as this and nothing else; or none, if None."""
    rows = await world.rest_items("/v1/sagas?attention=true&late=0&limit=500")
    kinds = {row["trouble"]["kind"] for row in rows if order_of(row["saga_id"]) == order_id}
    return kinds == ({kind} if kind else set())


async def see_alert(world: World, kind: Kind) -> None:
    """The metric tells of this kind what an alert goes by; once is enough of each."""
    if kind not in alerted:
        (alert,) = (alert for alert in alerts() if kind in alert.kinds)
        counts = await TroubleWatch(TroubleList(world.client, world.services), timedelta(0)).look()
        assert sum(counts[Kind(each)] for each in alert.kinds) > 0, alert.name
        assert set(counts) == set(Kind)
        alerted.add(kind)


@pytest.mark.parametrize("incident", TABLE, ids=[each.name for each in TABLE])
async def test_nothing_that_is_told_contradicts_what_is(
    world: World, oracle: Oracle, surfaces: Surfaces, incident: Incident
) -> None:
    made = await incident.make(world)
    try:
        if incident.kind:
            await see_listed(world, made.order_id, incident.kind)
            await see_alert(world, incident.kind)
        told, truth = await look(oracle, surfaces, made.order_id, made.sku)
        assert (truth.status, truth.wants_person) == (incident.status, incident.person)
        assert contradictions(told, truth) == []
        lies = find_lies_in_silence(world, made.order_id, truth)
        assert [lie async for lie in lies] == []
    finally:
        await made.release()
    if incident.kind is Kind.ENDED:
        terminated.append(made.order_id)
    elif incident.kind:
        await see_listed(world, made.order_id, None)


Lie = Callable[[Told], Told]


def lie_in(place: str, what: str, instead: str) -> Lie:
    """Have something else stand in what is told there."""
    return lambda told: replace(told, **{place: getattr(told, place).replace(what, instead)})


def lie_in_story(**instead: Any) -> Lie:
    """Have the API tell another story."""
    return lambda told: replace(told, story=told.story | instead)


def lie_in_message(**instead: Any) -> Lie:
    """Have the last message to a webhook carry something else."""

    def tell(told: Told) -> Told:
        *others, last = told.messages
        return replace(told, messages=[*others, last | {"data": last["data"] | instead}])

    return tell


LIES: tuple[Lie, ...] = (
    lie_in_story(next="Nothing to do: all is undone."),
    lie_in_story(stock={"pieces": 1, "says": "0 pieces are reserved for it."}),
    lambda told: replace(told, order=told.order | {"status": "pending"}),
    lie_in("explained", "1. create_order: done", "1. create_order: compensated"),
    lie_in("explained", "took effect, once", "took effect, and was undone"),
    lie_in("shown", "done", "running"),
    lie_in("page", "is held", "is not held"),
    lie_in("summary", "10.00 EUR", "11.00 EUR"),
    lambda told: replace(told, details=dict.fromkeys(told.details, "**running**")),
    lie_in_message(status="pending"),
    lie_in_message(total={"minor": 1100, "currency": "EUR"}),
    lie_in_message(customer_id="usr_somebody_else"),
    lie_in_message(reason={"code": "declined", "detail": "declined"}),
    lie_in_message(version=1),
    lie_in_message(settled_by_hand=[{"step": "charge_payment", "action": "skip"}]),
    lambda told: replace(told, listed=[{**told.listed[0], "status": "returned"}]),
    lambda told: replace(told, by_hand=told.listed),
    lambda told: replace(told, messages=told.messages[:-1]),
    lambda told: replace(told, messages=[{**told.messages[0], "type": "order.blocked"}]),
)


async def test_a_lie_is_found_wherever_it_is_told(
    world: World, oracle: Oracle, surfaces: Surfaces
) -> None:
    """Else the test above could not fail."""
    made = await confirm(world)
    told, truth = await look(oracle, surfaces, made.order_id, made.sku)
    for number, lie in enumerate(LIES):
        assert lie(told) != told, number
        assert contradictions(lie(told), truth), number


async def test_what_was_terminated_is_listed_no_more_when_the_audit_has_carried_it_on(
    world: World,
) -> None:
    """Those of the table that ran before this, and one of its own."""
    made = await terminate("inventory.reserve", BEFORE)(world)
    await see_listed(world, made.order_id, Kind.ENDED)
    await made.release()
    await audited(world)
    for order_id in (*terminated, made.order_id):
        await see_listed(world, order_id, None)


async def test_an_order_that_no_worker_takes_is_listed_until_one_does(world: World) -> None:
    made = await wait_for_worker(world)
    await see_listed(world, made.order_id, Kind.SLOW)
    await made.release()
    await see_listed(world, made.order_id, None)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_trouble_is_made(kind: Kind) -> None:
    """So that the tests above see each of them in the list, and its alert, and see it go."""
    assert kind in {each.kind for each in TABLE}


def test_there_are_enough_of_them() -> None:
    names = [each.name for each in TABLE]
    assert len(names) == len(set(names)) >= 60
