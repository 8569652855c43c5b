"""Two trips at once: `python -m saga verify travel.pairs:LAST_SEATS`."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from saga.participant import StepKey
from saga.verify import Case
from saga.verify.concurrent.anomalies import Anomaly
from saga.verify.concurrent.pair import (
    Allowance,
    Pair,
    Proof,
    Risk,
    SagaPartner,
    each_keeps_its_promises,
)
from travel import trip
from travel.invariants import CAPACITY, valid_documents
from travel.messages import Reserve, Trip
from travel.subject import SUBJECT, make_trip
from travel.tables import accounts, places, trips
from travel.world import World


@dataclass(frozen=True)
class Meeting:
    """The trips of both sides, which want the same flight."""

    trips: dict[str, Trip]


async def have_seats_for_one(world: World) -> Meeting:
    """Two trips of two, and two seats on their flight there."""
    first, second = [(await make_trip(world, False)).about for _ in range(2)]
    flight = first.outbound
    rest = Reserve(name=flight, places=CAPACITY[trip.OUTBOUND.name] - len(first.passengers))
    await world.services.reservations.reserve(StepKey(saga_id="others", step=flight), rest)
    return Meeting({"A": first, "B": second.model_copy(update={"outbound": flight})})


def book(name: str) -> SagaPartner:
    """The saga that books the trip of this name."""

    async def case(_: World, meeting: Meeting) -> Case:
        wanted = meeting.trips[name]
        return Case(workflow_id=wanted.trip_id, argument=wanted, about=wanted)

    return SagaPartner("book", SUBJECT, case)


async def observe(world: World, meeting: Meeting) -> dict[str, Any]:
    """The seats that are left; each trip's status, what is on its account, and its documents."""
    found: dict[str, Any] = {}
    async with world.engine.connect() as tx:
        flight = meeting.trips["A"].outbound
        seats = select(places.c.free).where(places.c.name == flight)
        found["seats"] = (await tx.execute(seats)).scalar_one()
        for name, wanted in meeting.trips.items():
            status = select(trips.c.status).where(trips.c.trip_id == wanted.trip_id)
            balance = select(accounts.c.balance).where(accounts.c.account == wanted.account)
            found[f"trip {name}"] = (await tx.execute(status)).scalar_one_or_none()
            found[f"balance {name}"] = (await tx.execute(balance)).scalar_one()
    for name, wanted in meeting.trips.items():
        found[f"documents {name}"] = len(await valid_documents(world, wanted.trip_id))
    return found


LAST_SEATS = Pair(
    "book and book, the last seats",
    have_seats_for_one,
    (book("A"), book("B")),
    observe,
    (each_keeps_its_promises,),
    shares=trip.SEATS,
    risks=(
        Risk(
            anomaly=Anomaly.WRITE_SKEW,
            what="both trips get the same seats",
            without="the one update that looks at the seats and takes them",
            prevented_by=trip.TRIP.isolation,
            proof=Proof("AABB"),
        ),
    ),
    allows={
        Anomaly.DIRTY_READ: Allowance(
            "a trip is turned away for seats that the other one then gives back", "sold_out"
        )
    },
)
