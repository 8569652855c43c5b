"""A look is shared for a moment, and a slow one for a bound of it."""

from types import SimpleNamespace

import pytest

from infrastructure import shared_look
from infrastructure.shared_look import MOST, SharedLook


@pytest.mark.parametrize(("takes", "lasts"), [(0.1, 2.0), (4.0, 4.0), (60.0, MOST)])
async def test_a_look_is_good_for_as_long_as_it_took_within_bounds(
    monkeypatch: pytest.MonkeyPatch, takes: float, lasts: float
) -> None:
    clock, looks = SimpleNamespace(now=1_000.0), []
    monkeypatch.setattr(shared_look, "time", SimpleNamespace(monotonic=lambda: clock.now))

    async def look() -> int:
        looks.append(clock.now)
        clock.now += takes
        return len(looks)

    shared = SharedLook(look, age=2.0)
    assert await shared.get() == 1
    clock.now += lasts - 0.01
    assert await shared.get() == 1
    clock.now += 0.02
    assert await shared.get() == 2
