"""A car rental company, as it is: somebody else's program, over a network that loses replies.

It stands in for an API over HTTP, and knows nothing of sagas: it has no barrier. What it does have
are idempotency keys. A key belongs to the first request that comes with it, and whoever comes with
it again gets that one's answer, be it a rental or a refusal.
"""

import asyncio
from itertools import count

from pydantic import BaseModel


class Rental(BaseModel, frozen=True):
    """A car that is rented, or was."""

    rental_id: str
    model: str
    cancelled: bool = False


class CarRefused(Exception):
    """409: there is no such car."""


class ReplyLost(ConnectionError):
    """The request may have been carried out, or not."""


class RentalCompany:
    """`free`: how many cars of each model. `replies_to_lose`: of the next request of each of these.

    `rentals`: the answer to each idempotency key; None is a refusal.
    """

    def __init__(self, free: dict[str, int]) -> None:
        self.free = free
        self.rentals: dict[str, Rental | None] = {}
        self.replies_to_lose: set[str] = set()
        self._numbers = count(1)

    async def rent(self, idempotency_key: str, model: str) -> Rental:
        """POST /rentals. CarRefused if there is none."""
        if idempotency_key not in self.rentals:
            self.rentals[idempotency_key] = self._take(model)
        await self._reply("rent")
        if (rental := self.rentals[idempotency_key]) is None:
            raise CarRefused(f"there is no {model}")
        return rental

    async def cancel(self, idempotency_key: str) -> None:
        """DELETE /rentals/{key}. Nothing if it is cancelled already."""
        rental = self.rentals[idempotency_key]
        if rental is not None and not rental.cancelled:
            self.rentals[idempotency_key] = rental.model_copy(update={"cancelled": True})
            self.free[rental.model] += 1
        await self._reply("cancel")

    async def find(self, idempotency_key: str) -> Rental | None:
        """GET /rentals/{key}. None: 404, or 409 for what was refused."""
        await self._reply("find")
        return self.rentals.get(idempotency_key)

    def _take(self, model: str) -> Rental | None:
        if self.free.get(model, 0) < 1:
            return None
        self.free[model] -= 1
        return Rental(rental_id=f"rental-{next(self._numbers)}", model=model)

    async def _reply(self, to: str) -> None:
        await asyncio.sleep(0)  # on its way
        if to in self.replies_to_lose:
            self.replies_to_lose.remove(to)
            raise ReplyLost
