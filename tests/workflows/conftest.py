"""What holds of a saga holds with the fast path and without it."""

from collections.abc import Iterator

import pytest

from tests.support.world import World


@pytest.fixture(params=[True, False], ids=["fast", "regular"], autouse=True)
def fast_path(request: pytest.FixtureRequest, world: World) -> Iterator[bool]:
    """Runs each test twice."""
    world.fast_path = request.param
    yield request.param
    world.fast_path = True
