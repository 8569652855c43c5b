"""Cars of a third party that has no barrier: its idempotency keys have to do.

The key is the step's, the same for each attempt. To undo a rental is to ask for it first, with the
same key: if it was never rented, the key is used up by that, and a request that is still on its way
gets the cancelled rental. So the key does what a tombstone does.
"""

from saga.participant import Compensated, Rejected, StepKey
from travel.messages import RentCar
from travel.rental_company import CarRefused, Rental, RentalCompany


class Rentals:
    """What we make of the rental company.

    Two things must be true of a third party for this: it keeps a key for longer than any attempt or
    compensation may take, and it binds a refusal to its key, too. Of one that forgets, cancel by
    the stored rental's id, and put a barrier of your own before it.
    """

    def __init__(self, company: RentalCompany) -> None:
        self._company = company

    async def rent(self, key: StepKey, command: RentCar) -> Rental:
        """Rent a car. Rejected `no_car` if there is none; Compensated if it was cancelled."""
        try:
            rental = await self._company.rent(_idempotency_key(key), command.model)
        except CarRefused as refused:
            raise Rejected("no_car", str(refused)) from refused
        if rental.cancelled:
            raise Compensated(f"{rental.rental_id} has been cancelled")
        return rental

    async def cancel(self, key: StepKey, command: RentCar) -> None:
        """Undo `rent`, be it done, refused, or still on its way."""
        its_key = _idempotency_key(key)
        try:
            await self._company.rent(its_key, command.model)
        except CarRefused:
            return
        await self._company.cancel(its_key)

    async def find(self, key: StepKey) -> Rental | None:
        """What has become of `rent`, whose reply was lost: the rental, or None if there is none."""
        rental = await self._company.find(_idempotency_key(key))
        return None if rental is None or rental.cancelled else rental


def _idempotency_key(key: StepKey) -> str:
    return f"{key.saga_id}/{key.step}"
