"""NOTIFY and LISTEN: tells at once that something was committed, and promises nothing.

A notification may be lost: a process dies right after its commit, or a connection breaks. Whoever
listens makes up for that, and looks by itself from time to time.

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

from infrastructure.cancellation import not_cancelled, running_beside
from infrastructure.postgres.database_errors import DRIVER_ERRORS, translate_errors
from infrastructure.postgres.primary import PrimaryPool, connect_to_primary
from saga.participant import Unavailable
from saga.participant.outbox import Session

log = logging.getLogger(__name__)

NOTIFICATIONS = "notifications"  # where a connection keeps what its transaction announces
NOTIFY = """SELECT pg_notify(channel, key)
 FROM unnest($1::text[], $2::text[]) AS notification(channel, key)"""
RECONNECT = 0.5
HEARTBEAT = 5.0  # seconds; a silent server is noticed so much later, and COMMAND_TIMEOUT
GATHER = 0.05  # seconds that notifications are gathered: a process sends 20 times a second at most


class Notification(NamedTuple):
    """Something of this key has changed; a few bytes each."""

    channel: str
    key: str


def announce(tx: Session, channel: str, key: str) -> None:
    """Tell the channel's listeners of this key when the transaction has committed."""
    tx.info.setdefault(NOTIFICATIONS, set()).add(Notification(channel, key))


class Notifier:
    """Sends notifications, some at a time: what comes while a statement runs goes with the next."""

    def __init__(self, pool: PrimaryPool) -> None:
        self._pool = pool
        self._pending: set[Notification] = set()
        self._sending: asyncio.Task[None] | None = None

    def notify(self, notifications: set[Notification]) -> None:
        """Have them sent; does not wait."""
        self._pending |= notifications
        if self._pending and (self._sending is None or self._sending.done()):
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def close(self) -> None:
        """Send what is left, and close the connection."""
        if self._sending is not None:
            await self._sending
        await self._pool.engine.dispose()

    async def _send(self) -> None:
        while self._pending:
            await asyncio.sleep(GATHER)
            notifications, self._pending = self._pending, set()
            try:
                async with translate_errors(), self._pool.driver() as driver:
                    await driver.fetch(NOTIFY, *map(list, zip(*notifications, strict=True)))
            except (Unavailable, *DRIVER_ERRORS) as error:
                log.warning("%s notifications are lost: %s", len(notifications), error)


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


class Subscription:
    """What wakes one listener. Make it before you look, so that nothing falls in between."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Wake the waiter, or whoever waits next."""
        self._woken.set()

    async def wait(self, timeout: float) -> bool:  # noqa: ASYNC109 - both outcomes are usual
        """Wait until woken since the last wait, `timeout` seconds at most. Look either way."""
        woken = await _is_set_within(self._woken, timeout)
        self._woken.clear()
        return woken


class NotificationListener:
    """Listens to one channel by one connection, for all subscriptions of this process."""

    def __init__(self, url: str, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._subscriptions: dict[str | None, set[Subscription]] = defaultdict(set)

    @contextlib.contextmanager
    def subscribe(self, key: str | None = None) -> Iterator[Subscription]:
        """A subscription to this key, or to all."""
        subscription = Subscription()
        self._subscriptions[key].add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions[key].discard(subscription)
            if not self._subscriptions[key]:
                del self._subscriptions[key]

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["NotificationListener"]:
        """Listen meanwhile; a lost connection is made again, without end."""
        async with running_beside(self._keep_listening()):
            yield self

    async def _keep_listening(self) -> None:
        while not_cancelled():
            try:
                await self._listen()
            except (OSError, Unavailable, *DRIVER_ERRORS) as error:
                log.warning("not listening to %s, trying again: %s", self._channel, error)
            await asyncio.sleep(RECONNECT)

    async def _listen(self) -> None:
        """Until the connection ends, or its server keeps silent or takes no writes any more.

        Wakes everybody first: notifications may have been missed.
        """
        lost = asyncio.Event()
        connection = await connect_to_primary(self._url)
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(self._channel, self._on_notification)
            for key in list(self._subscriptions):
                self._wake(key)
            while not await _is_set_within(lost, HEARTBEAT):
                await connection.execute(f'LISTEN "{self._channel}"')  # is the server there?
        finally:
            connection.terminate()

    def _on_notification(self, _: object, __: int, ___: str, key: object) -> None:
        self._wake(str(key))
        self._wake(None)

    def _wake(self, key: str | None) -> None:
        for subscription in self._subscriptions.get(key, ()):
            subscription.wake()
