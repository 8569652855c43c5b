"""Every incident and every ending, made for real: nothing that anybody is told contradicts it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from tests.story.comparing import contradictions
from tests.story.incidents import INCIDENTS, Incident, confirm
from tests.story.oracle import Oracle, Truth, open_oracle
from tests.story.surfaces import Surfaces, Told, open_surfaces
from tests.support.waiting import until
from tests.support.world import World


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


@pytest.mark.parametrize("incident", INCIDENTS, ids=[each.name for each in INCIDENTS])
async def test_nothing_that_is_told_contradicts_what_is(
    world: World, oracle: Oracle, surfaces: Surfaces, incident: Incident
) -> None:
    made = await incident.make(world)
    told, truth = await look(oracle, surfaces, made.order_id, made.sku)
    try:
        assert (truth.status, truth.wants_person) == (incident.status, incident.person)
        assert contradictions(told, truth) == []
    finally:
        await made.release()


Lie = Callable[[Told], Told]


def lie_in(place: str, what: str, instead: str) -> Lie:
    """Have something else stand in what is told there."""
    return lambda told: replace(told, **{place: getattr(told, place).replace(what, instead)})


def lie_in_story(**instead: Any) -> Lie:
    """Have the API tell another story."""
    return lambda told: replace(told, story=told.story | instead)


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


def test_there_are_enough_of_them() -> None:
    names = [each.name for each in INCIDENTS]
    assert len(names) == len(set(names)) >= 20
