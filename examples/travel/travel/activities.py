"""The activities of both sagas: each hands its step's key and command to a service, no more.

An activity's name is its identity in a history, so no two steps of a saga share one.
"""

from dataclasses import dataclass

from temporalio import activity

from saga import Call
from saga.participant.activity_errors import key_of
from travel.messages import (
    Charge,
    Document,
    RentCar,
    Reserve,
    SendItinerary,
    Status,
    TripRecord,
    TripRef,
)
from travel.rental_company import Rental
from travel.services.accounts import Accounts
from travel.services.documents import Documents
from travel.services.mail import Mail
from travel.services.rentals import Rentals
from travel.services.reservations import Reservations
from travel.services.trips import Trips


@dataclass(frozen=True)
class Services:
    """All that take part."""

    trips: Trips
    reservations: Reservations
    rentals: Rentals
    documents: Documents
    accounts: Accounts
    mail: Mail


class Activities:
    """The steps' actions, compensations and questions."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @activity.defn(name="trips.open")
    async def open_trip(self, call: Call, trip: TripRef) -> None:
        """Action of `trip`."""
        await self._services.trips.open(key_of(call), trip)

    @activity.defn(name="trips.close")
    async def close_trip(self, call: Call, trip: TripRef) -> TripRecord:
        """Compensation of `trip`."""
        return await self._services.trips.close(key_of(call), trip, _reason(call))

    @activity.defn(name="flights.book_outbound")
    async def book_outbound(self, call: Call, seats: Reserve) -> None:
        """Action of `outbound`."""
        await self._services.reservations.reserve(key_of(call), seats)

    @activity.defn(name="flights.cancel_outbound")
    async def cancel_outbound(self, call: Call, seats: Reserve) -> None:
        """Compensation of `outbound`."""
        await self._services.reservations.release(key_of(call), seats)

    @activity.defn(name="flights.book_inbound")
    async def book_inbound(self, call: Call, seats: Reserve) -> None:
        """Action of `inbound`."""
        await self._services.reservations.reserve(key_of(call), seats)

    @activity.defn(name="flights.cancel_inbound")
    async def cancel_inbound(self, call: Call, seats: Reserve) -> None:
        """Compensation of `inbound`."""
        await self._services.reservations.release(key_of(call), seats)

    @activity.defn(name="hotels.book")
    async def book_hotel(self, call: Call, rooms: Reserve) -> None:
        """Action of `hotel`."""
        await self._services.reservations.reserve(key_of(call), rooms)

    @activity.defn(name="hotels.cancel")
    async def cancel_hotel(self, call: Call, rooms: Reserve) -> None:
        """Compensation of `hotel`."""
        await self._services.reservations.release(key_of(call), rooms)

    @activity.defn(name="cars.rent")
    async def rent_car(self, call: Call, car: RentCar) -> Rental:
        """Action of `car`."""
        return await self._services.rentals.rent(key_of(call), car)

    @activity.defn(name="cars.cancel")
    async def cancel_car(self, call: Call, car: RentCar) -> None:
        """Compensation of `car`."""
        await self._services.rentals.cancel(key_of(call), car)

    @activity.defn(name="cars.find")
    async def find_car(self, call: Call, car: RentCar) -> Rental | None:
        """Probe of `car`."""
        return await self._services.rentals.find(key_of(call))

    @activity.defn(name="vouchers.issue")
    async def issue_voucher(self, call: Call, voucher: Document) -> None:
        """Action of `voucher`."""
        await self._services.documents.issue(key_of(call), voucher)

    @activity.defn(name="vouchers.revoke")
    async def revoke_voucher(self, call: Call, voucher: Document) -> None:
        """Compensation of `voucher`."""
        await self._services.documents.revoke(key_of(call), voucher)

    @activity.defn(name="approvals.request")
    async def request_approval(self, call: Call, request: Document) -> None:
        """Action of `approval`."""
        await self._services.documents.issue(key_of(call), request)

    @activity.defn(name="approvals.withdraw")
    async def withdraw_request(self, call: Call, request: Document) -> None:
        """Compensation of `approval`."""
        await self._services.documents.revoke(key_of(call), request)

    @activity.defn(name="policies.issue")
    async def issue_policy(self, call: Call, policy: Document) -> None:
        """Action of the insurance's `policy`."""
        await self._services.documents.issue(key_of(call), policy)

    @activity.defn(name="policies.revoke")
    async def revoke_policy(self, call: Call, policy: Document) -> None:
        """Compensation of the insurance's `policy`."""
        await self._services.documents.revoke(key_of(call), policy)

    @activity.defn(name="accounts.charge")
    async def charge(self, call: Call, charge: Charge) -> None:
        """Action of `payment`, and of the insurance's `premium`."""
        await self._services.accounts.charge(key_of(call), charge)

    @activity.defn(name="accounts.refund")
    async def refund(self, call: Call, charge: Charge) -> None:
        """Compensation of `payment`, and of the insurance's `premium`."""
        await self._services.accounts.refund(key_of(call), charge)

    @activity.defn(name="trips.confirm")
    async def confirm_trip(self, call: Call, trip: TripRef) -> None:
        """Action of `confirmation`, the pivot."""
        await self._services.trips.confirm(key_of(call), trip)

    @activity.defn(name="trips.fence_confirm")
    async def fence_confirmation(self, call: Call) -> bool:
        """Fence of `confirmation`."""
        return await self._services.trips.fence_confirm(key_of(call))

    @activity.defn(name="mail.send_itinerary")
    async def send_itinerary(self, call: Call, mail: SendItinerary) -> None:
        """Action of `itinerary`."""
        await self._services.mail.send(key_of(call), mail)


def _reason(call: Call) -> TripRecord:
    """Why the saga is undone, for the record."""
    if call.cause is None:
        raise ValueError(f"{call.saga_id}: nothing is undone without a cause")
    return TripRecord(status=Status(call.cause.ending), reason=call.cause.code)
