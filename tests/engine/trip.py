"""A saga of another domain, without a pivot, in a world of dictionaries: for the verifier."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from temporalio import activity, workflow

from saga import Call, Saga, SagaDefinition, SagaView, Step, StepKind, rejection
from saga.verify import Case, Ending, Subject

FREE = 3
_numbers = count(1)


@dataclass
class Trip:
    """What the traveller asked for."""

    flight: str
    hotel: str
    guides: list[str] = field(default_factory=list)


class Bookings:
    """The services: one effect a key, none after its undoing if `tombstones` are kept."""

    def __init__(self, *, tombstones: bool = True) -> None:
        self.free: dict[str, int] = {}
        self._done: dict[tuple[str, str], str] = {}
        self._tombstones = tombstones

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        """All of them."""
        return (
            *(self.book_flight, self.cancel_flight, self.book_hotel, self.cancel_hotel),
            *(self.book_guide, self.cancel_guide),
        )

    @activity.defn
    async def book_flight(self, call: Call, flight: str) -> None:
        self._book(call, flight)

    @activity.defn
    async def cancel_flight(self, call: Call, flight: str) -> None:
        self._cancel(call, flight)

    @activity.defn
    async def book_hotel(self, call: Call, hotel: str) -> None:
        self._book(call, hotel)

    @activity.defn
    async def cancel_hotel(self, call: Call, hotel: str) -> None:
        self._cancel(call, hotel)

    @activity.defn
    async def book_guide(self, call: Call, guide: str) -> None:
        self._book(call, guide)

    @activity.defn
    async def cancel_guide(self, call: Call, guide: str) -> None:
        self._cancel(call, guide)

    def _book(self, call: Call, what: str) -> None:
        state = self._done.get((call.saga_id, call.step))
        if state == "undone" and self._tombstones:
            raise rejection("already_compensated", f"{call.step} was undone before")
        if state == "done":
            return
        if self.free[what] < 1:
            raise rejection("sold_out", f"{what} is sold out")
        self._done[call.saga_id, call.step] = "done"
        self.free[what] -= 1

    def _cancel(self, call: Call, what: str) -> None:
        if self._done.get((call.saga_id, call.step)) == "done":
            self.free[what] += 1
        self._done[call.saga_id, call.step] = "undone"


def flight(trip: Trip) -> str:
    return trip.flight


def hotel(trip: Trip) -> str:
    return trip.hotel


def guides(trip: Trip) -> list[str]:
    return trip.guides


TRIP = SagaDefinition(
    name="TripSaga",
    steps=(
        (
            Step(
                name="flight",
                kind=StepKind.COMPENSATABLE,
                queue="flights",
                command=flight,
                action=Bookings.book_flight,
                compensation=Bookings.cancel_flight,
            ),
            Step(
                name="hotel",
                kind=StepKind.COMPENSATABLE,
                queue="hotels",
                command=hotel,
                action=Bookings.book_hotel,
                compensation=Bookings.cancel_hotel,
            ),
        ),
        Step(
            name="guide",
            kind=StepKind.COMPENSATABLE,
            queue="hotels",
            commands=guides,
            action=Bookings.book_guide,
            compensation=Bookings.cancel_guide,
        ),
    ),
)


@workflow.defn(name=TRIP.name)
class TripSaga:
    """Books a trip, or nothing of it."""

    @workflow.init
    def __init__(self, trip: Trip) -> None:
        self._saga = Saga(TRIP, trip)

    @workflow.run
    async def run(self, trip: Trip) -> str:
        outcome = await self._saga.run()
        self._saga.close(outcome)
        return "booked" if outcome.cause is None else outcome.cause.ending.value

    @workflow.query
    def saga(self) -> SagaView:
        return self._saga.view


async def make(bookings: Bookings, fast: bool) -> Case:
    number = next(_numbers)
    trip = Trip(f"flight {number}", f"hotel {number}", [f"guide {number}", f"guide {number}b"])
    for what in (trip.flight, trip.hotel, *trip.guides):
        bookings.free[what] = FREE
    return Case(f"trip-{number}", trip, about=trip)


async def all_or_nothing_is_booked(bookings: Bookings, case: Case, ending: Ending) -> list[str]:
    trip: Trip = case.about
    left = FREE - 1 if ending.status == "booked" else FREE
    parts = (trip.flight, trip.hotel, *trip.guides)
    wrong = [part for part in parts if bookings.free[part] != left]
    return [f"{bookings.free[part]} of {part} are free, not {left}" for part in wrong]


def told(outcome: str) -> str:
    return outcome


def subject(*, tombstones: bool) -> Subject:
    @asynccontextmanager
    async def world() -> AsyncIterator[Bookings]:
        yield Bookings(tombstones=tombstones)

    return Subject(
        workflow=TripSaga,
        definition=TRIP,
        make=make,
        status=told,
        completed="booked",
        invariants=(all_or_nothing_is_booked,),
        world=world,
    )


SUBJECT = subject(tombstones=True)
CARELESS = subject(tombstones=False)
