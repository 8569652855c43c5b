"""Relay and consumer as processes of their own, which may be killed: at a point, or by anybody.

A point is just before a statement, before a commit, or before and after a call to NATS.
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from typing import Any
from unittest.mock import patch

import asyncpg
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from sqlalchemy import Engine, event, func, select

from infrastructure.messaging.inbox import Patience
from infrastructure.postgres.database import Database
from relay.relays import open_relays
from services.order.tables import outbox
from tests.bus.parts import consumer, opening
from tests.support.waiting import until

FOR_EVER = 10**9


@dataclass(frozen=True)
class Places:
    """Where a process works."""

    bus_url: str
    order_url: str
    event_url: str


class Points:
    """Counts points, and dies by SIGKILL at one of them."""

    def __init__(self, die_at: int) -> None:
        self._left = die_at

    def passing(self, *_: Any) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def called(*arguments: Any, **options: Any) -> Any:
            self.passing()
            answer = await call(*arguments, **options)
            self.passing()
            return answer

        return called


def start(work: Callable[..., Awaitable[None]], places: Places, *arguments: Any) -> BaseProcess:
    """Start a process that does this; quick, by a server that has all modules loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_main, args=(work, places, *arguments), daemon=True)
    process.start()
    return process


async def ended(process: BaseProcess, within: float = 60) -> int:
    """Its exit code; -9 if it was killed.

    Asked for here and in no thread: starting another process asks for it too, and of two who ask at
    once, one reads nothing and takes it for 255.
    """

    async def over() -> bool:
        return process.exitcode is not None

    await until(over, within=within)
    assert process.exitcode is not None
    return process.exitcode


async def relay_what_waits(places: Places, die_at: int) -> None:
    """Relay until the outbox of orders is empty."""
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(opening(places.bus_url)())
        urls = {"order": places.order_url}
        (relay,) = await stack.enter_async_context(open_relays(urls, bus))
        with _mortal(die_at):
            while await relay.relay():
                pass


async def relay_on(places: Places) -> None:
    """Relay until killed."""
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(opening(places.bus_url)())
        urls = {"order": places.order_url}
        (relay,) = await stack.enter_async_context(open_relays(urls, bus))
        await relay.run()


async def consume_until(places: Places, die_at: int, number: int) -> None:
    """Consume until there are so many effects."""
    database = Database(places.event_url)
    watching = await asyncpg.connect(places.event_url.replace("+asyncpg", ""))  # passes no point

    async def enough() -> bool:
        return int(await watching.fetchval("SELECT count(*) FROM effects")) >= number

    async with opening(places.bus_url)() as bus:
        with _mortal(die_at):
            task = asyncio.create_task(
                bus.consume("c", consumer(database, "c", patience=Patience()).deliver)
            )
            await until(enough, within=FOR_EVER)
            await asyncio.sleep(0.2)  # so that the last acknowledgement is a point too
        task.cancel()
        await asyncio.wait([task])
    await database.close()
    await watching.close()


async def waiting(database: Database) -> int:
    """How many rows of the outbox are not published."""
    unpublished = select(func.count()).where(outbox.c.published_at.is_(None))
    async with database.transaction() as tx:
        return int((await tx.execute(unpublished)).scalar_one())


def _main(work: Callable[..., Awaitable[None]], places: Places, *arguments: Any) -> None:
    asyncio.run(partial(work, places, *arguments)())  # type: ignore[arg-type]


class _mortal:  # noqa: N801 - used as a function
    """Within the block, every point may be the last."""

    def __init__(self, die_at: int) -> None:
        self._points = Points(die_at)
        publish = self._points.around(JetStreamContext.publish)
        ack = self._points.around(Msg.ack)
        self._patches = (
            patch.object(JetStreamContext, "publish", publish),
            patch.object(Msg, "ack", ack),
        )

    def __enter__(self) -> None:
        for name in ("before_cursor_execute", "commit"):
            event.listen(Engine, name, self._points.passing)
        for item in self._patches:
            item.start()

    def __exit__(self, *_: object) -> None:
        for name in ("before_cursor_execute", "commit"):
            event.remove(Engine, name, self._points.passing)
        for item in self._patches:
            item.stop()
