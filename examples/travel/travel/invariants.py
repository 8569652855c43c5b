"""What must be true of a trip, however it ended: asked of the services, not of its saga."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Table, func, select

from saga.definition import PlannedStep
from saga.participant import Op, State
from saga.verify import Case, Ending
from saga.verify.barriers import is_right
from travel import insurance, trip
from travel.insurance import INSURED
from travel.messages import Insurance, Status, Trip
from travel.tables import accounts, barrier, documents, mails, payments, places, reservations, trips
from travel.world import World

CAPACITY = {"outbound": 9, "inbound": 9, "hotel": 5, "car": 2}
BALANCE = 100_000
NO_BARRIER = {trip.CAR.name, trip.INSURANCE.name}


def stands(ending: Ending, step: str) -> bool:
    """Whether a step's effect must be there: if the saga is completed, and only then.

    Of a step that people said they see to, it is the other way round: nobody else has done it.
    """
    return (ending.status in {Status.BOOKED, INSURED}) != (step in ending.left)


def sagas_of(case: Case) -> tuple[str, str]:
    """The trip's saga, and its insurance's."""
    return case.workflow_id, f"{case.workflow_id}/{trip.INSURANCE.name}"


async def places_are_free_or_reserved(world: World, case: Case, ending: Ending) -> list[str]:
    """And the trip has a seat for each and a room for two if it is booked, else nothing."""
    wanted: Trip = case.about
    seats, rooms = len(wanted.passengers), -(-len(wanted.passengers) // 2)
    wrong = []
    for step, name, places_for_all in (
        (trip.OUTBOUND.name, wanted.outbound, seats),
        (trip.INBOUND.name, wanted.inbound, seats),
        (trip.HOTEL.name, wanted.hotel, rooms),
    ):
        free = await _sum(world, places.c.free, places.c.name == name)
        taken = await _sum(world, reservations.c.places, reservations.c.name == name)
        if free + taken != CAPACITY[step]:
            wrong.append(f"{name}: {free} places free and {taken} reserved, of {CAPACITY[step]}")
        ours = await _sum(world, reservations.c.places, *_of(reservations, case, step))
        right = places_for_all * stands(ending, step)
        if ours != right:
            wrong.append(f"{step}: {ours} places are reserved, not {right}")
    return wrong


async def one_car_is_rented_or_none(world: World, case: Case, ending: Ending) -> list[str]:
    """At the rental company, which knows nothing of sagas."""
    model, found = case.about.car, world.company.rentals.items()
    active = [key for key, car in found if car and car.model == model and not car.cancelled]
    ours = [key for key in active if key.startswith(f"{case.workflow_id}/")]
    wrong = []
    if world.company.free[model] + len(active) != CAPACITY["car"]:
        wrong.append(f"{model}: {world.company.free[model]} free and {len(active)} rented")
    if len(ours) != stands(ending, trip.CAR.name):
        wrong.append(f"car: {len(ours)} cars are rented")
    return wrong


async def documents_are_valid_or_revoked(world: World, case: Case, ending: Ending) -> list[str]:
    """A voucher for each passenger, a policy, a request: all valid if it is booked, else none."""
    wanted: Trip = case.about
    right = {
        ("voucher", passenger)
        for number, passenger in enumerate(wanted.passengers)
        if stands(ending, trip.VOUCHER.for_generation(number + 1).name)
    }
    if stands(ending, trip.INSURANCE.name):
        right.add(("policy", wanted.account))
    if stands(ending, trip.APPROVAL.name):
        right.add(("request", wanted.email))
    valid = await valid_documents(world, wanted.trip_id)
    return [] if valid == sorted(right) else [f"valid are {valid}, not {sorted(right)}"]


async def valid_documents(world: World, trip_id: str) -> list[tuple[str, str]]:
    """The kinds and holders of the trip's documents that are good."""
    ours = (documents.c.trip_id == trip_id) & documents.c.valid
    async with world.engine.connect() as tx:
        rows = await tx.execute(select(documents.c.kind, documents.c.holder).where(ours))
        return sorted((row.kind, row.holder) for row in rows)


async def money_is_conserved(world: World, case: Case, ending: Ending) -> list[str]:
    """What is not on the account was paid; the trip has paid what it says that it booked."""
    account, kept = case.about.account, payments.c.refunded.is_(False)
    balance = await _sum(world, accounts.c.balance, accounts.c.account == account)
    by_all = await _sum(world, payments.c.amount, payments.c.account == account, kept)
    price = case.about.price * stands(ending, trip.PAYMENT.name)
    premium = case.about.premium * stands(ending, trip.INSURANCE.name)
    ours = await sum_payments(world, *sagas_of(case))
    wrong = []
    if balance + by_all != BALANCE:
        wrong.append(f"{account}: {balance} left and {by_all} paid, of {BALANCE}")
    if ours != price + premium:
        wrong.append(f"the trip has paid {ours}, not {price} and {premium}")
    return wrong


async def sum_payments(world: World, *saga_ids: str) -> int:
    """What these sagas have charged, and not given back."""
    ours, kept = payments.c.saga_id.in_(saga_ids), payments.c.refunded.is_(False)
    return await _sum(world, payments.c.amount, ours, kept)


async def the_record_says_the_truth(world: World, case: Case, ending: Ending) -> list[str]:
    """The trip's status is what its saga claims, unless people said that they close it."""
    by_hand = any(
        decision.step == trip.RECORD.name and decision.settles for decision in ending.decisions
    )
    async with world.engine.connect() as tx:
        row = trips.c.trip_id == case.about.trip_id
        recorded = (await tx.execute(select(trips.c.status).where(row))).scalar_one_or_none()
    if recorded == ending.status or by_hand:
        return []
    return [f"the trip is recorded as {recorded}, its saga says {ending.status}"]


async def mail_claims_no_more_than_is_true(world: World, case: Case, ending: Ending) -> list[str]:
    """One itinerary of a trip that is booked, none of any other."""
    sent = await _count(world, mails, mails.c.trip_id == case.about.trip_id)
    return [] if sent == stands(ending, trip.ITINERARY.name) else [f"{sent} e-mails were sent"]


async def an_accepted_cancel_cancels(world: World, case: Case, ending: Ending) -> list[str]:
    """Who was told that the trip will be undone was told the truth.

    On the fast path a lost task may have undone it before, and recorded another reason.
    """
    undone = {Status.CANCELLED, None}
    if case.fast:
        undone |= {Status.REJECTED, Status.TIMED_OUT}
    if not ending.accepted or ending.status in undone:
        return []
    return [f"a cancel was accepted, and the saga ended as {ending.status}"]


async def barriers_hold(world: World, case: Case, ending: Ending) -> list[str]:
    """Of the trip's saga; and of its insurance's, all of which is the trip's one step."""
    parent, child = sagas_of(case)
    insured = Insurance(insure=trip.INSURANCE.plan(case.about)[0][1])
    work, its_work = trip.TRIP.plan(case.about), insurance.INSURANCE.plan(insured)
    whole = {name: stands(ending, name) for name in work if name not in NO_BARRIER}
    its_whole = dict.fromkeys(its_work, stands(ending, trip.INSURANCE.name))
    return [
        *await wrong_barrier_rows(world, parent, work, whole),
        *await wrong_barrier_rows(world, child, its_work, its_whole),
    ]


async def wrong_barrier_rows(
    world: World, saga_id: str, work: Mapping[str, PlannedStep], whole: Mapping[str, bool]
) -> list[str]:
    """Of the steps in `whole`: those that were not done for good if so, or else undone for good."""
    async with world.engine.connect() as tx:
        found = await tx.execute(select(barrier).where(barrier.c.saga_id == saga_id))
        rows = {(row.step, Op(row.op)): State(row.state) for row in found}
    wrong = []
    for name, (step, _) in work.items():
        action, undo = rows.get((name, Op.ACTION)), rows.get((name, Op.COMPENSATION))
        if name in whole and not is_right(step.kind, action, undo, whole=whole[name]):
            wrong.append(f"{saga_id} {name}: action {action}, compensation {undo}")
    return wrong


def _of(table: Table, case: Case, step: str) -> tuple[ColumnElement[bool], ...]:
    return table.c.saga_id.in_(sagas_of(case)), table.c.step == step


async def _sum(world: World, column: ColumnElement[int], *where: ColumnElement[bool]) -> int:
    async with world.engine.connect() as tx:
        total = select(func.coalesce(func.sum(column), 0)).where(*where)
        return int((await tx.execute(total)).scalar_one())


async def _count(world: World, table: Table, *where: ColumnElement[bool]) -> int:
    async with world.engine.connect() as tx:
        rows = select(func.count()).select_from(table).where(*where)
        return int((await tx.execute(rows)).scalar_one())


INVARIANTS = (
    places_are_free_or_reserved,
    one_car_is_rented_or_none,
    documents_are_valid_or_revoked,
    money_is_conserved,
    the_record_says_the_truth,
    mail_claims_no_more_than_is_true,
    an_accepted_cancel_cancels,
    barriers_hold,
)
