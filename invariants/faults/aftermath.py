"""What must be true when all is over of which no saga can know: a restore, a hand at the provider.

An audit looks, at first without touching anything. Then it ends green, or names what it cannot
mend; and it has taken neither money nor goods from an order that was confirmed.
"""

from dataclasses import replace
from typing import Any

from contracts.audits import AuditReport
from contracts.orders import OrderStatus
from invariants.audit import audit
from invariants.cases import OrderCase, OrderEnding
from invariants.environment import OrderWorld
from invariants.faults.kinds import set_back_kind
from invariants.stock_and_money import QUANTITY, STOCK, ledger_of
from saga import StepKind
from saga.participant import NotFound
from saga.step import activity_name
from saga.verify.faults import ExecutionPath, InjectionPoint
from saga.verify.injection.run_state import RunState, milestone_of_success
from saga.verify.subject import Subject


async def judge_aftermath(
    world: OrderWorld,
    subject: Subject,
    case: OrderCase,
    state: RunState,
    ending: OrderEnding,
    *,
    given_back: int,
) -> list[str]:
    """What is wrong after the audits, in words. `given_back`: how much people gave back by hand."""
    found = (
        await _judge_dry_run(world, case, state)
        if state.schedule.path is ExecutionPath.REGULAR
        else []
    )
    await _audit(world, case, state, repair=True)
    wrong = await _wrong(world, subject, case, ending)
    if wrong and not _is_answered_for(state):
        report = await _audit(world, case, state, repair=False)
        if case.order.order_id not in report.model_dump_json():
            found += [f"the audit names nothing, though {finding}" for finding in wrong]
    if _stands_confirmed(subject, state):
        found += await _judge_takings(world, case, state, given_back)
    return found


async def _judge_dry_run(world: OrderWorld, case: OrderCase, state: RunState) -> list[str]:
    """An audit that only looks changes nothing, however the saga was run."""
    before = await _books(world, case)
    await _audit(world, case, state, repair=False)
    after = await _books(world, case)
    return [] if after == before else [f"a dry run of the audit changed {before} to {after}"]


async def _audit(
    world: OrderWorld, case: OrderCase, state: RunState, *, repair: bool
) -> AuditReport:
    report = await audit(world, case, repair=repair)
    state.say(f"audited{'' if repair else ', dry'}: {report.model_dump_json()}")
    return report


async def _books(world: OrderWorld, case: OrderCase) -> tuple[Any, ...]:
    product = await world.services.inventory.get_product(case.order.items[0].sku)
    ledger = await ledger_of(world, case)
    try:
        status = (await world.services.orders.get(case.order.order_id)).status
    except NotFound:
        status = None
    return product, ledger["captured"], ledger["refunded"], status


async def _wrong(
    world: OrderWorld, subject: Subject, case: OrderCase, ending: OrderEnding
) -> list[str]:
    """What the invariants say of how the order stands on record."""
    try:
        status = (await world.services.orders.get(case.order.order_id)).status
        if status is OrderStatus.CONFIRMED and subject.completed != status:
            ending = replace(ending, status="cancelled")  # a return that is undone
        else:
            ending = replace(ending, status=status.value)
        lists = [await invariant(world, case, ending) for invariant in subject.invariants]
    except NotFound as error:
        return [f"there is {error}"]
    return [item for one in lists for item in one]


def _is_answered_for(state: RunState) -> bool:
    """Whether a person has said of a step that it is done, or need not be."""
    return any(decision.settles for decision in state.decisions)


def _stands_confirmed(subject: Subject, state: RunState) -> bool:
    """Whether the order was confirmed once, and nobody may give back what it is about."""
    if subject.completed == OrderStatus.CONFIRMED:
        return any(
            _has_landed(state, step) for step in subject.steps if step.kind is StepKind.PIVOT
        )
    return not any(
        _has_landed(state, step) for step in subject.steps if step.kind is StepKind.PIVOT
    )


def _has_landed(state: RunState, step: Any) -> bool:
    return state.has_happened(
        milestone_of_success(InjectionPoint(step.name, activity_name(step.action)))
    )


async def _judge_takings(
    world: OrderWorld, case: OrderCase, state: RunState, given_back: int
) -> list[str]:
    """What somebody took of it who is no person."""
    found = []
    refunded = sum((await ledger_of(world, case))["refunded"].values())
    if refunded != given_back:
        found.append(f"of a confirmed order {refunded} is refunded, and {given_back} by hand")
    product = await world.services.inventory.get_product(case.order.items[0].sku)
    set_back = any(fault.kind is set_back_kind("inventory") for fault in state.faults)
    if not set_back and product.available > STOCK - QUANTITY:
        found.append(f"of a confirmed order goods are back on the shelf: {product.available}")
    return found
