"""Being told in this process that a workflow has closed."""

import asyncio

from infrastructure.temporal import local_closings
from infrastructure.temporal.local_closings import LocalClosings

LONG = 60.0  # never waited for in vain


async def test_an_end_is_told_whether_it_comes_before_or_after_somebody_waits() -> None:
    closings = LocalClosings()
    for early in (True, False):
        with closings.expecting("a") as here:
            here.append(True)
        if early:
            await asyncio.to_thread(closings.note, "a")
        waiting = asyncio.create_task(closings.wait("a", LONG))
        await asyncio.sleep(0)
        if not early:
            await asyncio.to_thread(closings.note, "a")
        assert await waiting
        assert not await closings.wait("a", LONG)  # told once


async def test_nobody_waits_for_what_was_not_begun_here() -> None:
    closings = LocalClosings()
    with closings.expecting("elsewhere"):
        pass
    assert not await closings.wait("elsewhere", LONG)
    assert not await closings.wait("unheard of", LONG)


async def test_what_goes_on_elsewhere_is_given_up() -> None:
    closings = LocalClosings()
    with closings.expecting("a") as here:
        here.append(True)
    assert not await closings.wait("a", 0.01)


async def test_a_start_that_is_repeated_takes_nothing_from_who_waits_for_the_first() -> None:
    closings = LocalClosings()
    with closings.expecting("a") as here:
        here.append(True)
    waiting = asyncio.create_task(closings.wait("a", LONG))
    await asyncio.sleep(0)
    with closings.expecting("a"):
        pass
    closings.note("a")
    assert await waiting


async def test_only_so_many_are_kept() -> None:
    closings = LocalClosings()
    for number in range(local_closings.MOST + 1):
        with closings.expecting(str(number)) as here:
            here.append(True)
    assert not await closings.wait("0", LONG)
    closings.note("1")
    assert await closings.wait("1", LONG)
