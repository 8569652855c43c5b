"""The services: a flight, a hotel and an account, each in a dictionary.

An action and a compensation have idempotency keys: whatever is asked for again has its effect once.
`barrier`: besides, an action is refused once it was undone, whenever it arrives.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from temporalio import activity

from saga import Call, rejection

FREE = 3
PRICE = 100


@dataclass
class Trip:
    """What the traveller asked for."""

    flight: str
    hotel: str
    account: str


class Bookings:
    """What is left of everything, by its name: seats, rooms, money."""

    def __init__(self, *, barrier: bool) -> None:
        self.left: dict[str, int] = {}
        self._barrier = barrier
        self._done: set[tuple[str, str]] = set()
        self._undone: set[tuple[str, str]] = set()

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        """All of them, bound."""
        return (
            *(self.book_flight, self.cancel_flight, self.book_hotel, self.cancel_hotel),
            *(self.charge, self.refund),
        )

    @activity.defn
    async def book_flight(self, call: Call, flight: str) -> None:
        """Take a seat."""
        self._take(call, flight, 1)

    @activity.defn
    async def cancel_flight(self, call: Call, flight: str) -> None:
        """Give it back."""
        self._give_back(call, flight, 1)

    @activity.defn
    async def book_hotel(self, call: Call, hotel: str) -> None:
        """Take a room."""
        self._take(call, hotel, 1)

    @activity.defn
    async def cancel_hotel(self, call: Call, hotel: str) -> None:
        """Give it back."""
        self._give_back(call, hotel, 1)

    @activity.defn
    async def charge(self, call: Call, account: str) -> None:
        """Take the money."""
        self._take(call, account, PRICE)

    @activity.defn
    async def refund(self, call: Call, account: str) -> None:
        """Give it back."""
        self._give_back(call, account, PRICE)

    def _take(self, call: Call, what: str, number: int) -> None:
        key = call.saga_id, call.step
        if self._barrier and key in self._undone:
            raise rejection("already_compensated", f"{call.step} was undone before")
        if key not in self._done:
            if self.left[what] < number:
                raise rejection("nothing_left", f"nothing is left of {what}")
            self._done.add(key)
            self.left[what] -= number

    def _give_back(self, call: Call, what: str, number: int) -> None:
        key = call.saga_id, call.step
        if key in self._done and key not in self._undone:
            self.left[what] += number
        self._undone.add(key)
