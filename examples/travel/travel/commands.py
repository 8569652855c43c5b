"""What each step is to do, computed from the trip alone."""

from travel.messages import Charge, Document, Insure, RentCar, Reserve, SendItinerary, Trip, TripRef


def the_trip(trip: Trip) -> TripRef:
    """For its record."""
    return TripRef(trip_id=trip.trip_id)


def outbound_seats(trip: Trip) -> Reserve:
    """One for each passenger."""
    return Reserve(name=trip.outbound, places=len(trip.passengers))


def inbound_seats(trip: Trip) -> Reserve:
    """One for each passenger."""
    return Reserve(name=trip.inbound, places=len(trip.passengers))


def rooms(trip: Trip) -> Reserve:
    """One for each two passengers."""
    return Reserve(name=trip.hotel, places=-(-len(trip.passengers) // 2))


def car(trip: Trip) -> RentCar:
    """One for all."""
    return RentCar(model=trip.car)


def vouchers(trip: Trip) -> list[Document]:
    """One for each passenger."""
    return [
        Document(kind="voucher", trip_id=trip.trip_id, holder=passenger)
        for passenger in trip.passengers
    ]


def insurance(trip: Trip) -> Insure:
    """Of the whole trip."""
    return Insure(trip_id=trip.trip_id, account=trip.account, premium=trip.premium)


def approval_request(trip: Trip) -> Document:
    """To the traveller, who may say no."""
    return Document(kind="request", trip_id=trip.trip_id, holder=trip.email)


def payment(trip: Trip) -> Charge:
    """The whole price."""
    return Charge(account=trip.account, amount=trip.price)


def itinerary(trip: Trip) -> SendItinerary:
    """To the traveller."""
    return SendItinerary(trip_id=trip.trip_id, email=trip.email)
