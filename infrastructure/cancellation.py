"""Loops without an end of their own, which must end when their task is cancelled.

Awaiting is not enough for that. `asyncio.wait_for` of Python 3.11 drops a cancel that comes in the
same turn as its result (python/cpython#86296), and libraries call it: nats-py to fetch, SQLAlchemy
to wait for a connection. The loop would go on, and a cancel is not sent twice. So each such loop
asks. Our own code uses `asyncio.timeout`, which drops none; the linter sees to that.
"""

import asyncio


def not_cancelled() -> bool:
    """True as long as this task is to go on; CancelledError once it has been cancelled."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return True
