"""The bus on NATS JetStream: one stream, and for each subscription a durable consumer a lane.

Subjects are `events.<lane>.<type>`, such as `events.2.order.confirmed`. A lane's consumer has one
event out at a time, which keeps the order through retries and among processes.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StorageType, StreamConfig
from nats.js.errors import Error as JetStreamError

from contracts.cloudevents import CloudEvent
from contracts.errors import Unavailable
from infrastructure.bus import LANES, Deliver, lane_of
from infrastructure.endless import not_cancelled

log = logging.getLogger(__name__)

STREAM = "EVENTS"
KEPT = 7 * 24 * 3600.0  # seconds
ONCE_WITHIN = 15 * 60.0  # seconds in which the server knows an event again by its id
POLL = 1.0
CONNECT_TIMEOUT = 3
PUBLISH_TIMEOUT = 3.0


class NatsBus:
    """Implements `infrastructure.bus.Bus`.

    `ack_wait` is how many seconds a lane waits for a consumer that does not answer; longer than any
    handler may take.
    """

    def __init__(self, client: Client, *, ack_wait: float = 10.0) -> None:
        self._client = client
        self._stream: JetStreamContext = client.jetstream(timeout=PUBLISH_TIMEOUT)
        self._ack_wait = ack_wait

    async def prepare(self) -> None:
        """Make the stream where there is none."""
        config = StreamConfig(
            name=STREAM,
            subjects=["events.>"],
            storage=StorageType.FILE,
            max_age=KEPT,
            duplicate_window=ONCE_WITHIN,
        )
        await self._stream.add_stream(config)

    async def publish(self, events: Sequence[CloudEvent], *, again: int = 0) -> None:
        """Publish lane by lane side by side, each event when the one before it is stored."""
        lanes: dict[int, list[CloudEvent]] = defaultdict(list)
        for event in events:
            lanes[lane_of(event.subject)].append(event)
        outcomes = await asyncio.gather(
            *(self._publish(lane, them, again) for lane, them in lanes.items()),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, nats.errors.Error | OSError | TimeoutError):
                raise Unavailable(f"NATS: {outcome.__class__.__name__}: {outcome}") from outcome
            if isinstance(outcome, BaseException):
                raise outcome

    async def consume(self, subscription: str, deliver: Deliver) -> None:
        """Work on all lanes side by side; the server gives each event to one process."""
        async with asyncio.TaskGroup() as tasks:
            for lane in range(LANES):
                tasks.create_task(self._work(subscription, lane, deliver))

    async def close(self) -> None:
        """Send what is on its way, and disconnect."""
        await self._client.drain()

    async def _publish(self, lane: int, events: Sequence[CloudEvent], again: int) -> None:
        for event in events:
            known_by = f"{event.id}/{again}" if again else event.id
            await self._stream.publish(
                f"events.{lane}.{event.type}",
                event.model_dump_json().encode(),
                headers={"Nats-Msg-Id": known_by},
            )

    async def _work(self, subscription: str, lane: int, deliver: Deliver) -> None:
        while not_cancelled():
            try:
                await self._pull(subscription, lane, deliver)
            except (nats.errors.Error, JetStreamError, OSError, TimeoutError) as error:
                log.warning("%s, lane %s: %r", subscription, lane, error)
                await asyncio.sleep(POLL)

    async def _pull(self, subscription: str, lane: int, deliver: Deliver) -> None:
        config = ConsumerConfig(
            ack_policy=AckPolicy.EXPLICIT,
            deliver_policy=DeliverPolicy.ALL,
            max_ack_pending=1,
            ack_wait=self._ack_wait,
        )
        pulling = await self._stream.pull_subscribe(
            f"events.{lane}.>", durable=f"{subscription}-{lane}", stream=STREAM, config=config
        )
        while not_cancelled():
            try:
                messages = await pulling.fetch(1, timeout=POLL)
            except nats.errors.TimeoutError:
                continue
            for message in messages:
                await self._settle(message, deliver)

    async def _settle(self, message: Msg, deliver: Deliver) -> None:
        pause = await deliver(CloudEvent.model_validate_json(message.data))
        if pause is None:
            await message.ack()
        else:
            await message.nak(delay=pause)


@asynccontextmanager
async def open_nats_bus(url: str, *, ack_wait: float = 10.0) -> AsyncIterator[NatsBus]:
    """A bus on the server at this URL. It connects again, without end, when it is cut off."""
    client = await nats.connect(
        url, connect_timeout=CONNECT_TIMEOUT, max_reconnect_attempts=-1, reconnect_time_wait=0.5
    )
    bus = NatsBus(client, ack_wait=ack_wait)
    try:
        await bus.prepare()
        yield bus
    finally:
        await client.close()
