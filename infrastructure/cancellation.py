"""Loops without an end of their own, which must end when their task is cancelled.

Awaiting is not enough for that. `asyncio.wait_for` of Python 3.11 drops a cancel that comes in the
same turn as its result (python/cpython#86296), and libraries call it: nats-py to fetch, SQLAlchemy
to wait for a connection. The loop would go on, and a cancel is not sent twice. So each such loop
asks. Our own code uses `asyncio.timeout`, which drops none; the linter sees to that.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any


def not_cancelled() -> bool:
    """True as long as this task is to go on; CancelledError once it has been cancelled."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return True


@asynccontextmanager
async def running_beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have such a loop run for the length of the block, and cancel it at the end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
