"""How the insurance's saga is verified by itself: a saga that has no pivot."""

from itertools import count

from sqlalchemy import insert

from saga.verify import Case, Ending, Subject
from travel.insurance import INSURANCE, INSURED, POLICY, PREMIUM, InsureTrip
from travel.invariants import BALANCE, stands, sum_payments, valid_documents, wrong_barrier_rows
from travel.messages import Insurance, InsuranceOutcome, Insure
from travel.tables import accounts
from travel.world import World, temporary_world

_numbers = count(1)


async def make_insurance(world: World, fast: bool) -> Case:
    """An insurance of a trip of its own."""
    number = next(_numbers)
    wanted = Insure(trip_id=f"insured-{number}", account=f"insured-{number}", premium=5_000)
    async with world.engine.begin() as tx:
        await tx.execute(insert(accounts).values(account=wanted.account, balance=BALANCE))
    return Case(wanted.trip_id, Insurance(insure=wanted), about=wanted)


async def it_is_paid_and_valid_or_neither(world: World, case: Case, ending: Ending) -> list[str]:
    """The premium is paid and the policy valid, if it is insured.

    What people said that they see to is theirs: nobody knows here if there was anything to undo.
    """
    wanted, wrong = case.about, []
    premium = wanted.premium * stands(ending, PREMIUM.name)
    policies = [("policy", wanted.account)] * stands(ending, POLICY.name)
    money = await sum_payments(world, case.workflow_id)
    valid = await valid_documents(world, wanted.trip_id)
    if money != premium and PREMIUM.name not in ending.left:
        wrong.append(f"{money} is paid, not {premium}")
    if valid != policies and POLICY.name not in ending.left:
        wrong.append(f"valid are {valid}, not {policies}")
    return wrong


async def its_barriers_hold(world: World, case: Case, ending: Ending) -> list[str]:
    """Each step was done and not undone, or undone and never to be done again."""
    work = INSURANCE.plan(case.argument)
    whole = {name: stands(ending, name) for name in work if name not in ending.left}
    return await wrong_barrier_rows(world, case.workflow_id, work, whole)


def _status(outcome: InsuranceOutcome) -> str:
    return outcome.status


SUBJECT = Subject(
    workflow=InsureTrip,
    definition=INSURANCE,
    world=temporary_world,
    make=make_insurance,
    status=_status,
    completed=INSURED,
    invariants=(it_is_paid_and_valid_or_neither, its_barriers_hold),
    resolves=True,
)
