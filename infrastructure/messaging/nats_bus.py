"""The bus on NATS JetStream: one stream, and for each subscription a durable consumer a lane.

Subjects are `events.<lane>.<type>`, such as `events.2.order.confirmed`. A lane's consumer has one
event out at a time, which keeps the order through retries and among processes.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import nats
import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError, NotFoundError
from nats.js.errors import Error as JetStreamError

from contracts.events.cloudevents import CloudEvent
from infrastructure.cancellation import not_cancelled
from infrastructure.messaging.bus import (
    LANES,
    TURN,
    Deliver,
    Interest,
    Lag,
    Malformed,
    Publication,
    lane_of,
    pass_over,
)
from infrastructure.messaging.nats_messages import (
    STREAM,
    Hands,
    hand_out,
    keep_longer,
    lags_of,
    still_at_it,
)
from infrastructure.postgres.slow_transactions import may_take_long
from saga.participant import Unavailable
from saga.participant.errors import describe_error

log = logging.getLogger(__name__)

KEPT = 7 * 24 * 3600.0  # seconds
ONCE_WITHIN = 15 * 60.0  # seconds in which the server knows an event again by its id
POLL = 1.0
CONNECT_TIMEOUT = 3
ENVELOPE = 1024  # bytes of headers and subject, at most, that count too
AWAY = (nats.errors.Error, JetStreamError, OSError, TimeoutError)
NEVER = (nats.errors.MaxPayloadError, nats.errors.BadSubjectError)
PUBLISH_TIMEOUT = 3.0


class NatsBus:
    """Implements `infrastructure.messaging.bus.Bus`.

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
        try:
            await self._stream.add_stream(config)
        except BadRequestError:  # it is there, and keeps events for the slow
            await self._stream.stream_info(STREAM)

    async def publish(self, events: Sequence[CloudEvent], *, again: int = 0) -> Publication:
        """Publish lane by lane side by side, each event when the one before it is stored."""
        may_take_long("publishing")
        lanes: dict[int, list[CloudEvent]] = defaultdict(list)
        for event in events:
            lanes[lane_of(event.subject)].append(event)
        publication = Publication()
        outcomes = await asyncio.gather(
            *(self._publish(lane, them, again, publication) for lane, them in lanes.items()),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, AWAY):
                raise outcome
        failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        for error in failed:
            log.warning("NATS did not take all events: %r", error)
        if failed and not publication.taken and not publication.refused:
            error = failed[0]
            raise Unavailable(f"NATS: {describe_error(error)}") from error
        return publication

    async def consume(
        self,
        subscription: str,
        deliver: Deliver,
        malformed: Malformed = pass_over,
        interest: Interest | None = None,
    ) -> None:
        """Work on all lanes side by side; the server gives each event to one process."""
        async with asyncio.TaskGroup() as tasks:
            for lane in range(LANES):
                tasks.create_task(self._work(subscription, lane, Hands(deliver, malformed)))

    async def lags(self) -> list[Lag]:
        """How far each subscription is behind."""
        try:
            return await lags_of(self._stream)
        except AWAY as error:
            raise Unavailable(f"NATS: {error!r}") from error

    async def keep_for_the_slow(self) -> None:
        """Keep events for longer than KEPT while somebody is far behind, and no longer after."""
        slowest = max((lag.seconds for lag in await self.lags()), default=0.0)
        try:
            await keep_longer(self._stream, KEPT, slow=slowest > KEPT / 2)
        except AWAY as error:
            raise Unavailable(f"NATS: {error!r}") from error

    async def forget(self, subscription: str) -> bool:
        """Remove its consumers; whether there were any."""
        known = {lag.subscription for lag in await self.lags()}
        for lane in range(LANES) if subscription in known else ():
            with suppress(NotFoundError):
                await self._stream.delete_consumer(STREAM, f"{subscription}-{lane}")
        return subscription in known

    async def close(self) -> None:
        """Send what is on its way, and disconnect."""
        await self._client.drain()

    async def _publish(
        self, lane: int, events: Sequence[CloudEvent], again: int, publication: Publication
    ) -> None:
        """As many as go in a moment. One that NATS never takes is refused, by itself."""
        ends = asyncio.get_running_loop().time() + TURN
        for event in events:
            body = event.model_dump_json().encode()
            known_by = f"{event.id}/{again}" if again else event.id
            headers = {"Nats-Msg-Id": known_by}
            try:
                if len(body) + ENVELOPE > self._client.max_payload:
                    raise nats.errors.MaxPayloadError
                await self._stream.publish(f"events.{lane}.{event.type}", body, headers=headers)
            except NEVER as error:
                publication.refused[event.id] = describe_error(error)
            else:
                publication.taken.add(event.id)
            if asyncio.get_running_loop().time() > ends:
                return

    async def _work(self, subscription: str, lane: int, hands: Hands) -> None:
        while not_cancelled():
            try:
                await self._pull(subscription, lane, hands)
            except AWAY as error:
                log.warning("%s, lane %s: %r", subscription, lane, error)
                await asyncio.sleep(POLL)
            except Exception:  # a bug must not end all lanes of the process
                log.exception("%s, lane %s: trying again", subscription, lane)
                await asyncio.sleep(POLL)

    async def _pull(self, subscription: str, lane: int, hands: Hands) -> None:
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
                async with still_at_it(message, self._ack_wait / 3):
                    pause = await hand_out(message, hands)
                await (message.ack() if pause is None else message.nak(delay=pause))


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
