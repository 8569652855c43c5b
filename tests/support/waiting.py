"""Waiting for a condition, with a bound; never for luck."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[bool]], *, within: float = 60) -> None:
    """Until the condition holds. TimeoutError if it does not in time."""
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110 - what is waited for has no event here
            await asyncio.sleep(0.02)
