"""Each service does a step once, whatever is repeated, and never after it was undone."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from sqlalchemy import func, select

from saga.participant import Compensated, KeyReused, Rejected, StepKey
from travel.messages import Charge, Document, Reserve, SendItinerary, Status, TripRecord, TripRef
from travel.subject import make_trip
from travel.tables import documents, mails, payments, reservations, trips
from travel.world import World

Attempt = Callable[[StepKey, Any], Awaitable[Any]]


class Service(NamedTuple):
    """A step's action and compensation, two commands, and how many effects of the first stand."""

    do: Attempt
    undo: Attempt
    command: Any
    another: Any
    effects: Callable[[], Awaitable[int]]


@pytest.fixture(params=["reservations", "documents", "accounts"])
async def service(request: pytest.FixtureRequest, world: World) -> Service:
    trip, here = (await make_trip(world, fast=False)).about, world.services

    async def effects() -> int:
        counts = {
            "reservations": select(func.count()).where(reservations.c.name == trip.outbound),
            "documents": select(func.count()).where(
                documents.c.trip_id == trip.trip_id, documents.c.valid
            ),
            "accounts": select(func.count()).where(
                payments.c.account == trip.account, ~payments.c.refunded
            ),
        }
        return await number(world, counts[request.param])

    kinds: dict[str, tuple[Attempt, Attempt, Any, Any]] = {
        "reservations": (
            here.reservations.reserve,
            here.reservations.release,
            Reserve(name=trip.outbound, places=2),
            Reserve(name=trip.outbound, places=3),
        ),
        "documents": (
            here.documents.issue,
            here.documents.revoke,
            Document(kind="voucher", trip_id=trip.trip_id, holder="Ada"),
            Document(kind="voucher", trip_id=trip.trip_id, holder="Grace"),
        ),
        "accounts": (
            here.accounts.charge,
            here.accounts.refund,
            Charge(account=trip.account, amount=300),
            Charge(account=trip.account, amount=400),
        ),
    }
    return Service(*kinds[request.param], effects)


@pytest.fixture
def key(request: pytest.FixtureRequest) -> StepKey:
    """One of its own for each test."""
    return StepKey(saga_id=request.node.name, step="step")


async def number(world: World, statement: Any) -> int:
    async with world.engine.connect() as tx:
        return int((await tx.execute(statement)).scalar_one())


async def test_an_action_that_is_repeated_has_one_effect(service: Service, key: StepKey) -> None:
    await service.do(key, service.command)
    await service.do(key, service.command)
    assert await service.effects() == 1


async def test_a_compensation_undoes_the_effect_once(service: Service, key: StepKey) -> None:
    await service.do(key, service.command)
    await service.undo(key, service.command)
    await service.undo(key, service.command)
    assert await service.effects() == 0


async def test_an_action_that_comes_late_is_refused(service: Service, key: StepKey) -> None:
    await service.undo(key, service.command)
    with pytest.raises(Compensated):
        await service.do(key, service.command)
    assert await service.effects() == 0


async def test_a_key_means_one_command(service: Service, key: StepKey) -> None:
    await service.do(key, service.command)
    for attempt in (service.do, service.undo):
        with pytest.raises(KeyReused):
            await attempt(key, service.another)
    assert await service.effects() == 1


async def test_what_is_sold_out_or_not_paid_for_is_refused(world: World, key: StepKey) -> None:
    trip = (await make_trip(world, fast=False)).about
    with pytest.raises(Rejected, match="no 10 places"):
        await world.services.reservations.reserve(key, Reserve(name=trip.outbound, places=10))
    with pytest.raises(Rejected, match="lacks"):
        await world.services.accounts.charge(key, Charge(account=trip.account, amount=10**6))


async def test_a_trip_that_is_closed_keeps_its_first_reason(world: World, key: StepKey) -> None:
    trip = TripRef(trip_id=key.saga_id)
    first = TripRecord(status=Status.REJECTED, reason="sold_out")
    second = TripRecord(status=Status.CANCELLED, reason="changed_my_mind")
    await world.services.trips.open(key, trip)
    assert await world.services.trips.close(key, trip, first) == first
    assert await world.services.trips.close(key, trip, second) == first


async def test_a_fence_refuses_the_confirmation_or_finds_it(world: World, key: StepKey) -> None:
    here, late = world.services.trips, StepKey(saga_id=key.saga_id, step="late")
    trip = TripRef(trip_id=key.saga_id)
    await here.open(StepKey(saga_id=key.saga_id, step="trip"), trip)
    assert not await here.fence_confirm(late)
    with pytest.raises(Compensated):
        await here.confirm(late, trip)
    await here.confirm(key, trip)
    assert await here.fence_confirm(key)
    status = select(trips.c.status).where(trips.c.trip_id == trip.trip_id)
    async with world.engine.connect() as tx:
        assert (await tx.execute(status)).scalar_one() == Status.BOOKED


async def test_a_trip_is_confirmed_by_its_own_saga_only(world: World, key: StepKey) -> None:
    trip = TripRef(trip_id=key.saga_id)
    await world.services.trips.open(key, trip)
    with pytest.raises(Rejected, match="not open"):
        await world.services.trips.confirm(StepKey(saga_id="another", step=key.saga_id), trip)


async def test_an_itinerary_is_sent_once(world: World, key: StepKey) -> None:
    mail = SendItinerary(trip_id=key.saga_id, email="ada@example.com")
    await world.services.mail.send(key, mail)
    await world.services.mail.send(key, mail)
    sent = select(func.count()).where(mails.c.trip_id == key.saga_id)
    assert await number(world, sent) == 1
