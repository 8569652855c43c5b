"""An endless loop ends when its task is cancelled, even if what it awaits drops the cancel."""

import asyncio
import sys

import pytest

from infrastructure.cancellation import not_cancelled


async def cancelled_with_its_result(turns: list[int]) -> asyncio.Task[None]:
    """A loop whose `wait_for` gets its result and a cancel in one turn; as it is after that."""
    result: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        while not_cancelled():
            turns.append(1)
            await asyncio.wait_for(result, 60)  # noqa: TID251 - it is what this is about

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    result.set_result(None)
    task.cancel()
    await asyncio.wait([task], timeout=5)
    return task


async def test_a_loop_ends_although_wait_for_drops_its_cancel() -> None:
    turns: list[int] = []
    task = await cancelled_with_its_result(turns)
    assert task.cancelled()
    assert turns == [1]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="mended in Python 3.12")
async def test_wait_for_does_drop_a_cancel() -> None:
    result: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(asyncio.wait_for(result, 60))  # noqa: TID251 - see above
    await asyncio.sleep(0)
    result.set_result("result")
    task.cancel()
    assert await task == "result"
