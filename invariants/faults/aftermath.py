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
from invariants.environment import World
from invariants.faults.kinds import set_back_kind
from invariants.stock_and_money import QUANTITY, STOCK, ledger_of
from saga import StepKind
from saga.participant import NotFound
from saga.step import activity_name
from saga.verify.faults import Path, Site
from saga.verify.injection.run_state import Script, ended
from saga.verify.subject import Subject


async def judge_aftermath(
    world: World,
    subject: Subject,
    case: OrderCase,
    script: Script,
    ending: OrderEnding,
    *,
    given_back: int,
) -> list[str]:
    """What is wrong after the audits, in words. `given_back`: how much people gave back by hand."""
    found = await _looked(world, case, script) if script.schedule.path is Path.REGULAR else []
    await _audit(world, case, script, repair=True)
    wrong = await _wrong(world, subject, case, ending)
    if wrong and not _answered_for(script):
        report = await _audit(world, case, script, repair=False)
        if case.order.order_id not in report.model_dump_json():
            found += [f"the audit names nothing, though {finding}" for finding in wrong]
    if _is_confirmed(subject, script):
        found += await _taken(world, case, script, given_back)
    return found


async def _looked(world: World, case: OrderCase, script: Script) -> list[str]:
    """An audit that only looks changes nothing, however the saga was run."""
    before = await _books(world, case)
    await _audit(world, case, script, repair=False)
    after = await _books(world, case)
    return [] if after == before else [f"a dry run of the audit changed {before} to {after}"]


async def _audit(world: World, case: OrderCase, script: Script, *, repair: bool) -> AuditReport:
    report = await audit(world, case, repair=repair)
    script.say(f"audited{'' if repair else ', dry'}: {report.model_dump_json()}")
    return report


async def _books(world: World, case: OrderCase) -> tuple[Any, ...]:
    product = await world.services.inventory.get_product(case.order.items[0].sku)
    ledger = await ledger_of(world, case)
    try:
        status = (await world.services.orders.get(case.order.order_id)).status
    except NotFound:
        status = None
    return product, ledger["captured"], ledger["refunded"], status


async def _wrong(world: World, subject: Subject, case: OrderCase, ending: OrderEnding) -> list[str]:
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


def _answered_for(script: Script) -> bool:
    """Whether a person has said of a step that it is done, or need not be."""
    return any(word.settles for word in script.words)


def _is_confirmed(subject: Subject, script: Script) -> bool:
    """Whether the order was confirmed once, and nobody may give back what it is about."""
    if subject.completed == OrderStatus.CONFIRMED:
        return any(_landed(script, step) for step in subject.steps if step.kind is StepKind.PIVOT)
    return not any(_landed(script, step) for step in subject.steps if step.kind is StepKind.PIVOT)


def _landed(script: Script, step: Any) -> bool:
    return script.has_happened(ended(Site(step.name, activity_name(step.action))))


async def _taken(world: World, case: OrderCase, script: Script, given_back: int) -> list[str]:
    """What somebody took of it who is no person."""
    found = []
    refunded = sum((await ledger_of(world, case))["refunded"].values())
    if refunded != given_back:
        found.append(f"of a confirmed order {refunded} is refunded, and {given_back} by hand")
    product = await world.services.inventory.get_product(case.order.items[0].sku)
    set_back = any(fault.kind is set_back_kind("inventory") for fault in script.faults)
    if not set_back and product.available > STOCK - QUANTITY:
        found.append(f"of a confirmed order goods are back on the shelf: {product.available}")
    return found
