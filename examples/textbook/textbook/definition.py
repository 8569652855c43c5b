"""The steps, for the verifier and for the saga on the engine."""

from datetime import timedelta

from saga import SagaDefinition, Step, StepKind
from textbook.bookings import Bookings, Trip

QUEUE = "trips"
ATTEMPT, PATIENCE = timedelta(seconds=5), timedelta(minutes=5)


def flight(trip: Trip) -> str:
    """What is booked first."""
    return trip.flight


def hotel(trip: Trip) -> str:
    """What is booked then."""
    return trip.hotel


def account(trip: Trip) -> str:
    """Who pays."""
    return trip.account


def define(name: str) -> SagaDefinition:
    """A saga of this name: a flight, a hotel, and the money for them."""
    return SagaDefinition(
        name=name,
        steps=(
            Step(
                name="flight",
                kind=StepKind.COMPENSATABLE,
                queue=QUEUE,
                command=flight,
                action=Bookings.book_flight,
                compensation=Bookings.cancel_flight,
            ),
            Step(
                name="hotel",
                kind=StepKind.COMPENSATABLE,
                queue=QUEUE,
                command=hotel,
                action=Bookings.book_hotel,
                compensation=Bookings.cancel_hotel,
            ),
            Step(
                name="payment",
                kind=StepKind.COMPENSATABLE,
                queue=QUEUE,
                command=account,
                action=Bookings.charge,
                compensation=Bookings.refund,
            ),
        ),
    )
