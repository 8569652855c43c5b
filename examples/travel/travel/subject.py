"""How the trip's saga is verified: `python -m saga verify travel.subject:SUBJECT`."""

from itertools import count

from sqlalchemy import insert, select

from saga.participant import StepKey
from saga.verify import Case, Subject
from travel import trip
from travel.invariants import BALANCE, CAPACITY, INVARIANTS
from travel.messages import Approval, Cancel, Charge, Reserve, Status, Trip, TripRecord
from travel.tables import accounts, places
from travel.world import World, temporary_world

_numbers = count(1)


async def make_trip(world: World, fast: bool) -> Case:
    """A trip of two, to places of its own, so that no other run meets it."""
    number = next(_numbers)
    wanted = Trip(
        trip_id=f"trip-{number}",
        account=f"account-{number}",
        email=f"ada-{number}@example.com",
        passengers=("Ada", "Grace"),
        outbound=f"ZRH-LIS-{number}",
        inbound=f"LIS-ZRH-{number}",
        hotel=f"Lisboa-{number}",
        car=f"Clio-{number}",
        price=70_000,
        premium=5_000,
        fast=fast,
    )
    await open_for_business(world, wanted)
    return Case(workflow_id=wanted.trip_id, argument=wanted, fast=fast, about=wanted)


async def open_for_business(world: World, wanted: Trip) -> None:
    """Have on sale what this trip needs, and more of it; its account can pay for it."""
    async with world.engine.begin() as tx:
        for step in (trip.OUTBOUND, trip.INBOUND, trip.HOTEL):
            name, capacity = step.plan(wanted)[0][1].name, CAPACITY[step.name]
            row = {"name": name, "capacity": capacity, "free": capacity}
            await tx.execute(insert(places).values(row))
        row = {"account": wanted.account, "balance": BALANCE}
        await tx.execute(insert(accounts).values(row))
    world.company.free[wanted.car] = CAPACITY["car"]


# What makes a service refuse a step: others were faster.


async def sell_out_the_flight_there(world: World, case: Case) -> None:
    """Others take all its seats."""
    await _sell_out(world, case.about.outbound)


async def sell_out_the_flight_back(world: World, case: Case) -> None:
    """Others take all its seats."""
    await _sell_out(world, case.about.inbound)


async def sell_out_the_hotel(world: World, case: Case) -> None:
    """Others take all its rooms."""
    await _sell_out(world, case.about.hotel)


async def rent_out_all_cars(world: World, case: Case) -> None:
    """Others rent them."""
    for number in range(world.company.free[case.about.car]):
        await world.company.rent(f"others/{case.about.car}/{number}", case.about.car)


async def empty_the_account(world: World, case: Case) -> None:
    """Its owner buys something else."""
    account = case.about.account
    async with world.engine.connect() as tx:
        row = select(accounts.c.balance).where(accounts.c.account == account)
        balance = (await tx.execute(row)).scalar_one()
    spent = Charge(account=account, amount=balance)
    await world.services.accounts.charge(
        StepKey(saga_id="others", step=f"{account} {balance}"), spent
    )


async def _sell_out(world: World, name: str) -> None:
    async with world.engine.connect() as tx:
        free = (await tx.execute(select(places.c.free).where(places.c.name == name))).scalar_one()
    rest = Reserve(name=name, places=free)
    await world.services.reservations.reserve(StepKey(saga_id="others", step=name), rest)


def _status(outcome: TripRecord) -> str:
    return outcome.status


SUBJECT = Subject(
    workflow=trip.BookTrip,
    definition=trip.TRIP,
    world=temporary_world,
    make=make_trip,
    status=_status,
    completed=Status.BOOKED,
    invariants=INVARIANTS,
    cancel=Cancel(reason="changed my mind"),
    resolves=True,
    fast_path=True,
    answers={trip.APPROVAL.name: lambda _: Approval(approved=True)},
    refusals={
        "flights.book_outbound": sell_out_the_flight_there,
        "flights.book_inbound": sell_out_the_flight_back,
        "hotels.book": sell_out_the_hotel,
        "cars.rent": rent_out_all_cars,
        "insurance.buy": empty_the_account,
        "accounts.charge": empty_the_account,
    },
)
