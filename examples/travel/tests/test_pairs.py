"""Two trips at once want the same seats; without what prevents it, both get them."""

from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from saga.participant import Rejected, StepKey
from saga.verify.concurrent.anomalies import Anomaly
from saga.verify.concurrent.campaign import PairOptions
from saga.verify.concurrent.quietly import verify_pair_quietly
from saga.verify.plugin import VerifyPair
from travel.messages import Reserve, TripRef
from travel.pairs import LAST_SEATS
from travel.services.participant import Done, columns
from travel.services.reservations import Reservations
from travel.services.trips import Trips
from travel.tables import places, reservations

pytestmark = pytest.mark.verifier

open_trip: Any = Trips.open
reserve: Any = Reservations.reserve
seen: dict[str, dict[str, int]] = {}  # by saga: what was free when its trip was opened


async def open_and_look(self: Trips, key: StepKey, command: TripRef) -> None:
    async with self._engine.connect() as tx:
        rows = await tx.execute(select(places.c.name, places.c.free))
        seen[key.saga_id] = {row.name: row.free for row in rows}
    await open_trip(self, key, command)


async def reserve_by_what_was_seen(self: Reservations, key: StepKey, command: Reserve) -> None:
    """The seats are counted by the first look: nobody looks again as they are taken."""
    if key.saga_id not in seen:
        await reserve(self, key, command)
        return

    async def effect(tx: AsyncConnection) -> Done:
        left = seen[key.saga_id][command.name] - command.places
        if left < 0:
            raise Rejected("sold_out", f"{command.name} has no {command.places} places left")
        await tx.execute(update(places).where(places.c.name == command.name).values(free=left))
        await tx.execute(insert(reservations).values(columns(key, command)))
        return Done()

    await self._do(key, command, effect)


def test_the_last_seats_are_given_to_one_of_two(verify_pair: VerifyPair) -> None:
    report = verify_pair(LAST_SEATS, words=6)
    assert report.interleavings >= 6


def test_seats_that_are_not_looked_at_again_are_given_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Trips, "open", open_and_look)
    monkeypatch.setattr(Reservations, "reserve", reserve_by_what_was_seen)
    report = verify_pair_quietly(LAST_SEATS, PairOptions(word="AB" * 20, shorten=False))
    (failure,) = report.failures
    assert failure.anomaly is Anomaly.WRITE_SKEW
    assert any("0 places free and 11 reserved, of 9" in v for v in failure.result.violations)
