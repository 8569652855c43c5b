"""What would lose a compensation is found before a saga runs; here, nothing is."""

from types import ModuleType

import pytest

from saga.lint import lint
from saga.step import activity_name
from travel import insurance, trip
from travel.queue import QUEUE
from travel.world import World


@pytest.mark.parametrize("saga", [trip, insurance], ids=lambda module: module.__name__)
async def test_the_linter_finds_nothing(world: World, saga: ModuleType) -> None:
    registered = {QUEUE: [activity_name(function) for function in world.activities]}
    assert lint(saga, registered) == []
