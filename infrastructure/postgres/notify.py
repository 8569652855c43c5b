"""NOTIFY and LISTEN: tells at once that something was committed, and promises nothing.

A notice that is lost (a process dies right after its commit, a connection breaks) is made good by
whoever listens: they also look by themselves from time to time.

A NOTIFY inside a transaction makes PostgreSQL hold one lock of the whole server while that
transaction commits, so that all commits queue up. Ours come in a transaction of their own, right
after; see docs/adr/0050-event-order.md.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import asyncpg
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import Text

from infrastructure.cancellation import not_cancelled

log = logging.getLogger(__name__)

NOTICES = "notices"  # where a connection keeps what its transaction announces
NOTIFY = text("SELECT pg_notify(channel, key) FROM unnest(:channels, :keys) AS it(channel, key)")
NOTIFY = NOTIFY.bindparams(
    bindparam("channels", type_=ARRAY(Text)), bindparam("keys", type_=ARRAY(Text))
)
CONNECT_TIMEOUT = 3.0
RECONNECT = 0.5
GATHER = 0.05  # seconds that notices wait for company; so a process sends 20 times a second at most


class Notice(NamedTuple):
    """Something of this key has changed; a few bytes each."""

    channel: str
    key: str


def announce(tx: AsyncConnection, channel: str, key: str) -> None:
    """Tell the channel's listeners of this key when the transaction has committed."""
    tx.info.setdefault(NOTICES, set()).add(Notice(channel, key))


class Bell:
    """Sends notices, some at a time: what comes while a statement runs goes with the next."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._pending: set[Notice] = set()
        self._sending: asyncio.Task[None] | None = None

    def ring(self, notices: set[Notice]) -> None:
        """Have them sent; does not wait."""
        self._pending |= notices
        if self._pending and (self._sending is None or self._sending.done()):
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def close(self) -> None:
        """Send what is left, and close the connection."""
        if self._sending is not None:
            await self._sending
        await self._engine.dispose()

    async def _send(self) -> None:
        while self._pending:
            await asyncio.sleep(GATHER)
            notices, self._pending = self._pending, set()
            columns = {
                "channels": [notice.channel for notice in notices],
                "keys": [notice.key for notice in notices],
            }
            try:
                async with self._engine.connect() as connection:
                    await connection.execute(NOTIFY, columns)
            except (DBAPIError, PoolTimeoutError, OSError, TimeoutError) as error:
                log.warning("%s notices are lost: %s", len(notices), error)


class Watch:
    """One listener's bell. Make it before you look, so that nothing falls in between."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiter, or whoever waits next."""
        self._rung.set()

    async def wait(self, timeout: float) -> bool:  # noqa: ASYNC109 - both outcomes are usual
        """Wait until rung since the last wait, `timeout` seconds at most. Look either way."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._rung.wait()
        rung = self._rung.is_set()
        self._rung.clear()
        return rung


class Notices:
    """Listens to one channel by one connection, for all watches of this process."""

    def __init__(self, url: str, channel: str) -> None:
        self._url = url.replace("+asyncpg", "")
        self._channel = channel
        self._watches: dict[str | None, set[Watch]] = defaultdict(set)

    @contextlib.contextmanager
    def watch(self, key: str | None = None) -> Iterator[Watch]:
        """A watch of this key, or of all."""
        watch = Watch()
        self._watches[key].add(watch)
        try:
            yield watch
        finally:
            self._watches[key].discard(watch)
            if not self._watches[key]:
                del self._watches[key]

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Notices"]:
        """Listen meanwhile; a lost connection is made again, without end."""
        task = asyncio.create_task(self._keep_listening())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _keep_listening(self) -> None:
        while not_cancelled():
            try:
                await self._listen()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("not listening to %s, trying again: %s", self._channel, error)
            await asyncio.sleep(RECONNECT)

    async def _listen(self) -> None:
        """Until the connection ends. Wakes everybody first: notices may have been missed."""
        lost = asyncio.Event()
        connection = await asyncpg.connect(self._url, timeout=CONNECT_TIMEOUT)
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(self._channel, self._on_notification)
            for key in list(self._watches):
                self._ring(key)
            await lost.wait()
        finally:
            connection.terminate()

    def _on_notification(self, _: object, __: int, ___: str, key: object) -> None:
        self._ring(str(key))
        self._ring(None)

    def _ring(self, key: str | None) -> None:
        for watch in self._watches.get(key, ()):
            watch.ring()
