"""One turn of a lane of the bus on PostgreSQL: what was read together is handed out in order."""

import asyncio
from collections.abc import Collection, Sequence
from typing import NamedTuple

from pydantic import ValidationError
from sqlalchemy import RowMapping

from contracts.event_records import Position
from contracts.events.cloudevents import CloudEvent
from infrastructure.messaging.bus import TURN, Deliver, Interest, Malformed


class Turn(NamedTuple):
    """What it came to: how far it is, how many were done, and if it must pause."""

    reached: Position
    done: int
    pause: float | None


class Hands(NamedTuple):
    """Who takes events, and what is none; and which events, if not all."""

    deliver: Deliver
    malformed: Malformed
    interest: Interest | None

    async def select(self, events: Sequence[CloudEvent]) -> Collection[str]:
        """The ids of those that are to be delivered."""
        if self.interest is None or not events:
            return {event.id for event in events}
        return await self.interest.select(events)


async def take_turn(rows: Sequence[RowMapping], after: Position, hands: Hands) -> Turn:
    """Hand out what was read behind `after`, for a moment, or until something must wait."""
    ends = asyncio.get_running_loop().time() + TURN
    reached, done = after, 0
    read = [_parse(row) for row in rows]
    selected = await hands.select([event for event in read if isinstance(event, CloudEvent)])
    for row, event in zip(rows, read, strict=True):
        pause = await _hand_out(row, event, selected, hands)
        if pause is not None:
            return Turn(reached, done, pause)
        reached, done = Position(row["transaction_id"], row["position"]), done + 1
        if asyncio.get_running_loop().time() > ends:
            break
    return Turn(reached, done, None)


def _parse(row: RowMapping) -> CloudEvent | ValidationError:
    try:
        return CloudEvent.model_validate(row["event"])
    except ValidationError as error:
        return error


async def _hand_out(
    row: RowMapping, event: CloudEvent | ValidationError, selected: Collection[str], hands: Hands
) -> float | None:
    if isinstance(event, ValidationError):
        return await hands.malformed(row["event_id"], row["event"], str(event))
    return await hands.deliver(event) if event.id in selected else None
