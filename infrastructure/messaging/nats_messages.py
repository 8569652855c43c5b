"""What the bus on NATS is made of: one message handed out, and how far subscriptions are."""

import asyncio
import base64
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from nats.aio.msg import Msg
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError
from pydantic import ValidationError

from contracts.events.cloudevents import CloudEvent
from infrastructure.messaging.bus import Deliver, Lag, Malformed

log = logging.getLogger(__name__)
STREAM = "EVENTS"


class Hands(NamedTuple):
    """Who takes events, and what is none."""

    deliver: Deliver
    malformed: Malformed


async def hand_out(message: Msg, hands: Hands) -> float | None:
    """None if it is done with, or the seconds after which to try again."""
    try:
        event = CloudEvent.model_validate_json(message.data)
    except ValidationError as error:
        number = message.metadata.sequence.stream
        raw = {"base64": base64.b64encode(message.data).decode()}
        return await hands.malformed(f"{STREAM}/{number}", raw, str(error))
    return await hands.deliver(event)


@asynccontextmanager
async def still_at_it(message: Msg, every: float) -> AsyncIterator[None]:
    """Tell the server meanwhile that we work on it, so that it gives it to nobody else."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(every)
            with suppress(Error, OSError):
                await message.in_progress()

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.wait([telling])


async def lags_of(stream: JetStreamContext) -> list[Lag]:
    """Of each subscription, whose consumers are named `<subscription>-<lane>`."""
    waiting: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    for consumer in await stream.consumers_info(STREAM):
        name, _, lane = consumer.name.rpartition("-")
        waiting[name] += (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)
        age = await _age_of_next(stream, consumer, lane)
        seconds[name] = max(seconds[name], age)
    return [Lag(name, waiting[name], seconds[name]) for name in sorted(waiting)]


async def _age_of_next(stream: JetStreamContext, consumer: ConsumerInfo, lane: str) -> float:
    """Of the oldest message that a consumer has not passed; 0 if there is none."""
    passed = consumer.ack_floor.stream_seq if consumer.ack_floor else 0
    if not consumer.num_pending and not consumer.num_ack_pending:
        return 0.0
    try:
        following = await stream.get_msg(STREAM, passed + 1, f"events.{lane}.>", next=True)
    except NotFoundError:
        return 0.0
    return (datetime.now(UTC) - following.time).total_seconds() if following.time else 0.0


async def keep_longer(stream: JetStreamContext, usual: float, *, slow: bool) -> None:
    """Have the stream keep everything while somebody is slow, else for the usual time."""
    config = (await stream.stream_info(STREAM)).config
    wanted = 0.0 if slow else usual
    if (config.max_age or 0.0) == wanted:
        return
    log.warning("the bus keeps events %s", "until all have passed them" if slow else "as usual")
    await stream.update_stream(replace(config, max_age=wanted))
