"""The example with one mistake each: what each mutant puts in the place of what is right."""

from dataclasses import replace
from typing import Any, NamedTuple

from saga import SagaDefinition
from saga.participant import Op, State, StepKey
from saga.participant.barrier import Barrier
from travel import commands, insurance, trip
from travel.messages import Document, RentCar, Reserve, Trip
from travel.services.documents import Documents
from travel.services.rentals import Rentals
from travel.services.reservations import Reservations
from travel.services.trips import Trips
from travel.trip import BookTrip


class Mutant(NamedTuple):
    """A mistake: what replaces what, the schedules that find it, and what they say."""

    mistake: str
    owner: Any
    name: str
    replacement: Any
    schedule: str
    says: str


async def keep_the_places(self: Reservations, key: StepKey, command: Reserve) -> None:
    """A compensation is dropped."""


async def release_too_few(self: Reservations, key: StepKey, command: Reserve) -> None:
    """A compensation has a command of its own."""
    await _release(self, key, Reserve(name=command.name, places=1))


def let_the_late_in(self: Any, key: StepKey, found: Any, reply: Any, op: Op = Op.ACTION) -> Any:
    """An action is let in after its compensation."""
    return reply.model_validate(found[1]) if found[0] == State.DONE else None


def remember_nothing(self: Any, key: StepKey, found: Any, reply: Any, op: Op = Op.ACTION) -> Any:
    """A repeated action takes effect again."""
    stored = _judge_claim(self, key, found, reply, op)
    return stored if op is Op.COMPENSATION else None


async def cancel_what_is_there(self: Rentals, key: StepKey, command: RentCar) -> None:
    """The key of a request that is still on its way is not used up."""
    if await self.find(key) is not None:
        await _cancel(self, key, command)


async def leave_the_request(self: Documents, key: StepKey, command: Document) -> None:
    """The request for approval is not withdrawn."""
    if command.kind != "request":
        await _revoke(self, key, command)


async def not_landed(self: Trips, key: StepKey) -> bool:
    """Nobody looks whether the trip is confirmed."""
    return False


def know_of_no_earlier_life(**_: Any) -> None:
    """An insurance that is to be undone does not know what it has done."""


def one_voucher(wanted: Trip) -> list[Document]:
    """The last passenger gets none."""
    return commands.vouchers(wanted)[:-1]


def with_step(changed: Any) -> SagaDefinition:
    """The saga, with this step in the place of the one of its name."""
    steps = (
        changed if getattr(step, "name", "") == changed.name else step for step in trip.TRIP.steps
    )
    return replace(trip.TRIP, steps=tuple(steps))


_judge_claim, _release, _revoke = Barrier.judge_claim, Reservations.release, Documents.revoke
_cancel = Rentals.cancel
UNDONE = "confirmation:trips.confirm is rejected"

MUTANTS = (
    Mutant(
        "a compensation is dropped",
        Reservations,
        "release",
        keep_the_places,
        UNDONE,
        "hotel: 1 places are reserved, not 0",
    ),
    Mutant(
        "a compensation has a wrong command",
        Reservations,
        "release",
        release_too_few,
        UNDONE,
        "the workflow was open after",
    ),
    Mutant(
        "a tombstone is ignored",
        Barrier,
        "judge_claim",
        let_the_late_in,
        "hotel:hotels.book lands after it is undone",
        "hotel: 1 places are reserved, not 0",
    ),
    Mutant(
        "a reply is not stored",
        Barrier,
        "judge_claim",
        remember_nothing,
        "payment:accounts.charge reply is lost",
        "ended as rejected, not as booked",
    ),
    Mutant(
        "nobody probes",
        BookTrip,
        "definition",
        with_step(replace(trip.CAR, probe=None)),
        "car:cars.rent every reply is lost",
        "ended as timed_out, not as booked",
    ),
    Mutant(
        "a third party's key is not used up",
        Rentals,
        "cancel",
        cancel_what_is_there,
        "car:cars.rent lands after it is undone",
        "car: 1 cars are rented",
    ),
    Mutant(
        "a request is not withdrawn",
        Documents,
        "revoke",
        leave_the_request,
        UNDONE,
        "valid are [('request'",
    ),
    Mutant(
        "a voucher is forgotten",
        BookTrip,
        "definition",
        with_step(replace(trip.VOUCHER, commands=one_voucher)),
        "car:cars.rent fails once",
        "not [('policy'",
    ),
    Mutant(
        "a child saga is not undone",
        insurance,
        "EarlierRuns",
        know_of_no_earlier_life,
        UNDONE,
        "the trip has paid 5000, not 0 and 0",
    ),
    Mutant(
        "a fence does not look",
        Trips,
        "fence_confirm",
        not_landed,
        "confirmation:trips.confirm terminated and reset, then Temporal cancels",
        "ended as cancelled, not as booked",
    ),
)
