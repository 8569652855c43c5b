"""What must be true of all three: all is booked and paid, or nothing is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from saga.verify import Case, Ending, Subject
from textbook.bookings import FREE, PRICE, Bookings, Trip
from textbook.sagas import BOOKED, WORKFLOWS

MONEY = 2 * PRICE
_numbers = count(1)


async def make(bookings: Bookings, fast: bool) -> Case:
    """A trip of its own."""
    assert not fast
    number = next(_numbers)
    trip = Trip(f"flight {number}", f"hotel {number}", f"account {number}")
    bookings.left |= {trip.flight: FREE, trip.hotel: FREE, trip.account: MONEY}
    return Case(f"trip-{number}", trip, about=trip)


async def nothing_is_stranded(bookings: Bookings, case: Case, ending: Ending) -> list[str]:
    """A seat and a room are taken if all is booked, else none is."""
    trip: Trip = case.about
    taken = 1 if ending.status == BOOKED else 0
    wrong = [item for item in (trip.flight, trip.hotel) if bookings.left[item] != FREE - taken]
    return [
        f"{FREE - bookings.left[finding]} of {finding} are taken, not {taken}" for finding in wrong
    ]


async def no_money_is_lost(bookings: Bookings, case: Case, ending: Ending) -> list[str]:
    """It is paid once if all is booked, else not at all."""
    trip: Trip = case.about
    paid = MONEY - bookings.left[trip.account]
    right = PRICE if ending.status == BOOKED else 0
    return [] if paid == right else [f"{paid} of money are paid, not {right}"]


def status(outcome: str) -> str:
    """What the workflow says of itself."""
    return outcome


def subject(name: str) -> Subject:
    """One of the three; only the engine's services have a barrier."""
    workflow, definition = WORKFLOWS[name]

    @asynccontextmanager
    async def world() -> AsyncIterator[Bookings]:
        yield Bookings(barrier=name == "ENGINE")

    return Subject(
        workflow=workflow,
        definition=definition,
        make=make,
        status=status,
        completed=BOOKED,
        invariants=(nothing_is_stranded, no_money_is_lost),
        world=world,
    )


AFTER, BEFORE, ENGINE = (subject(name) for name in WORKFLOWS)
