"""Live events: one reader for the whole process, which publishes what it reads to all subscribers.

Subscribers to an order, or to all orders, each have a queue that the reader fills. A new subscriber
first reads for itself what it has not seen, from the event store, and then takes what is in the
queue and newer. What happens meanwhile is in both, so nothing is missed; versions and positions
tell what was sent already. A queue is bounded: one that overflows is emptied, and its subscriber
reads for itself again. So a subscriber that waits costs no query, and one that is slow no memory
(docs/adr/0040-live-events.md).
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TypeVar

from api.orders.subscriber_queue import SubscriberQueue
from contracts.event_records import BEGINNING, LIMIT, Position, PositionedEvent, RecordedEvent
from contracts.orders import OrderService
from infrastructure.cancellation import not_cancelled, running_beside
from infrastructure.postgres.notify import NotificationListener, Subscription
from infrastructure.telemetry.metrics import counter
from saga.participant import NotFound, Unavailable

PAGE = 200  # events read at once
TURNS = 3  # of a pool's ten connections, when a crowd comes at once, after a restart say
LOOK_EVERY = 1.0  # seconds; a notification is lost if a worker dies right after its commit
LOOK_AGAIN = 0.02  # seconds; an older transaction may still hold back the event of a notification
ALL_ORDERS = None  # the key of those who subscribe to all

log = logging.getLogger(__name__)
E = TypeVar("E", bound=RecordedEvent)
Mark = TypeVar("Mark", int, Position)


async def is_on_record(orders: OrderService, position: Position) -> bool:
    """Whether there is this event, or it is a place before any event."""
    if position.number == 0:
        return position.transaction < LIMIT
    if max(position) >= LIMIT:
        return False
    found = await orders.all_events(position.before, 1)
    return bool(found) and found[0].position == position


def count_unknown(readers: int) -> None:
    """Count readers who came with the id of an event that is not on record."""
    counter("saga_event_ids_unknown", "Readers of events with an id that is not on record").add(
        readers
    )


def _count_lost(times: int) -> None:
    counter("saga_event_log_lost", "Times that events told live were not on record").add(times)


class EventBroadcaster:
    """Hands new events to all subscribers in this process.

    Without `notifications` of the order database, it looks every second only. Whoever reads
    for a subscriber takes a turn, `async with broadcaster.turn`, so that a crowd of them leaves the
    database to other requests.
    """

    def __init__(
        self, orders: OrderService, notifications: NotificationListener | None = None
    ) -> None:
        self._orders = orders
        self._notifications = notifications
        self._queues: dict[str | None, set[SubscriberQueue]] = defaultdict(set)
        self.turn = asyncio.Semaphore(TURNS)
        self._subscribed = asyncio.Event()
        self._reading = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read meanwhile, whenever there are subscribers."""
        _count_lost(0)  # so that both can be read before the first
        count_unknown(0)
        async with AsyncExitStack() as stack:
            subscription = Subscription()
            if self._notifications is not None:
                await stack.enter_async_context(self._notifications.listening())
                subscription = stack.enter_context(self._notifications.subscribe())
            await stack.enter_async_context(running_beside(self._run(subscription)))
            yield

    async def subscribe_to_order(
        self, order_id: str, after: int
    ) -> AsyncIterator[Sequence[RecordedEvent]]:
        """An order's events behind this version, and then each when it happens; for ever."""

        async def read_missed(version: int) -> list[RecordedEvent]:
            try:
                return await self._orders.history(order_id, after=version)
            except NotFound:  # accepted, but nothing recorded yet
                return []

        async for events in self._subscribe(order_id, after, read_missed, lambda it: it.version):
            yield events

    async def subscribe_to_all(self, after: Position) -> AsyncIterator[Sequence[PositionedEvent]]:
        """All orders' events behind this position, and then each when it happens; for ever."""

        async def read_missed(position: Position) -> list[PositionedEvent]:
            return await self._orders.all_events(position, PAGE)

        async for events in self._subscribe(ALL_ORDERS, after, read_missed, lambda it: it.position):
            yield events

    async def _subscribe(
        self,
        key: str | None,
        after: Mark,
        read_missed: Callable[[Mark], Awaitable[Sequence[E]]],
        mark: Callable[[E | PositionedEvent], Mark],
    ) -> AsyncIterator[Sequence[E | PositionedEvent]]:
        """What was missed, a page at a time, then what comes; from the start if that is too much.

        It ends if what was told is not on record any more: whoever comes back is told so. Raises
        Unavailable if what was missed cannot be read.
        """
        with self._open_queue(key) as queue:
            while True:
                await self._reading.wait()
                queue.restart()
                whole = False
                while not whole:
                    async with self.turn:
                        page = await read_missed(after)
                    whole = len(page) < PAGE
                    if page:
                        yield page
                        after = mark(page[-1])
                while not queue.overflowed:
                    taken = await queue.take()
                    if queue.ended:
                        return
                    if new := [event for event in taken if mark(event) > after]:
                        yield new
                        after = mark(new[-1])

    @contextmanager
    def _open_queue(self, key: str | None) -> Iterator[SubscriberQueue]:
        queue = SubscriberQueue()
        self._queues[key].add(queue)
        self._subscribed.set()
        try:
            yield queue
        finally:
            self._queues[key].discard(queue)
            if not self._queues[key]:
                del self._queues[key]

    async def _run(self, subscription: Subscription) -> None:
        """For ever. Where it starts does not matter: who comes then reads for himself before."""
        head: Position | None = None
        pause = LOOK_AGAIN
        while not_cancelled():
            if not self._queues:
                head = None
                self._reading.clear()
                self._subscribed.clear()
                await self._subscribed.wait()
            try:
                head = head or await self._orders.newest_event()
                self._reading.set()
                head, events = await self._read_next(head)
            except Unavailable:
                events = []
            except Exception:  # a bug must not end it for everybody, unseen
                log.exception("live events: cannot read, trying again")
                events = []
            for event in events:
                self._publish(event)
                head = event.position
            if len(events) < PAGE:
                woken = await subscription.wait(pause)
                pause = LOOK_AGAIN if woken else min(2 * pause, LOOK_EVERY)

    async def _read_next(self, head: Position) -> tuple[Position, Sequence[PositionedEvent]]:
        """What is next, and behind which event. The last one is read again, to see it there."""
        if head == BEGINNING:
            return head, await self._orders.all_events(head, PAGE)
        found = await self._orders.all_events(head.before, PAGE + 1)
        if found and found[0].position == head:
            return head, found[1:]
        return await self._recover_head(head), []

    async def _recover_head(self, head: Position) -> Position:
        """Where to read on if this event is not there; all subscribers have to begin anew then."""
        newest = await self._orders.newest_event()
        if await is_on_record(self._orders, head):
            return head  # it shows now that its successor's epoch has begun
        log.error("live events: %s is not on record any more; was the database restored?", head)
        _count_lost(1)
        for queues in self._queues.values():
            for queue in queues:
                queue.end()
        return newest

    def _publish(self, event: PositionedEvent) -> None:
        for key in (event.stream_id, ALL_ORDERS):
            for queue in self._queues.get(key, ()):
                queue.put(event)
