"""What is asked of the saga and of its services. Money is in minor units of one currency."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel


class Message(BaseModel, frozen=True):
    """What passes between saga, activities and services."""


class Status(StrEnum):
    """What becomes of a trip."""

    PENDING = "pending"
    BOOKED = "booked"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


class Trip(Message):
    """What a traveller wants: the saga's input, from which every command is computed.

    `account` pays `price` for the trip, and `premium` for its insurance. `fast`: on the fast path.
    """

    trip_id: str
    account: str
    email: str
    passengers: tuple[str, ...]
    outbound: str
    inbound: str
    hotel: str
    car: str
    price: int
    premium: int
    fast: bool = False


class TripRecord(Message):
    """What is on record of a trip, and so what the saga answers with."""

    status: Status
    reason: str = ""


class TripRef(Message):
    """The trip that something is about."""

    trip_id: str


class Reserve(Message):
    """So many places of what there is so much of: seats on a flight, rooms in a hotel."""

    name: str
    places: int


class RentCar(Message):
    """A car of this model, from the rental company."""

    model: str


class Document(Message):
    """A paper about a trip: a passenger's voucher, the insurance's policy, a request to approve."""

    kind: Literal["voucher", "policy", "request"]
    trip_id: str
    holder: str


class Insure(Message):
    """An insurance of the trip, for a premium."""

    trip_id: str
    account: str
    premium: int


class Insurance(Message):
    """The input of the insurance's own saga. `undo`: whatever it has done is to be undone."""

    insure: Insure
    undo: bool = False


class InsuranceOutcome(Message):
    """How the insurance's saga ended: insured, rejected, cancelled or timed_out, and why."""

    status: str
    reason: str = ""


class Charge(Message):
    """So much, from this account."""

    account: str
    amount: int


class SendItinerary(Message):
    """What is booked, to the traveller."""

    trip_id: str
    email: str


class Approval(Message):
    """The traveller's answer."""

    approved: bool


class Cancel(Message):
    """A traveller's wish that the trip be cancelled."""

    reason: str
