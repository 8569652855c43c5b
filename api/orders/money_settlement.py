"""An operator's word on money of an order that has ended without it, where no saga waits for one.

It is put on record as one on the step that was to give the money back, so it means the same to
whoever reads it: the audit leaves the money alone and names it, and the order tells of it.
"""

from typing import NamedTuple

from temporalio.client import Client

from activities.discrepancies import Judge
from contracts.ledgers import WhyKept
from contracts.names import return_id, workflow_id
from contracts.orders import RETURN_ABANDONED, OrderStatus, StepNote
from saga import Resolving, Role
from saga.participant import Rejected, StepKey
from services.composition import Services

SETTLED = {WhyKept.CLOSED, WhyKept.REFUND_FAILED}  # what the audit gives back, if it can
NOTE = "note#on-ended"  # the word's step in the barrier, beside the kernel's notes


class MoneyStep(NamedTuple):
    """The step that was to give an order's money back: of which saga, and what of it."""

    saga_id: str
    step: str
    role: Role


class MoneyWord(NamedTuple):
    """What an operator says of it: MARK_DONE is back by other means, SKIP is kept."""

    action: Resolving
    evidence: str
    who: str


async def settle_money(
    order_id: str, word: MoneyWord, services: Services, client: Client
) -> MoneyStep:
    """Have it on record that the money is back by other means, or is kept; nothing is sent.

    NotFound if there is no such order. Rejected `step_not_blocked` if the provider has none of its
    money, or has it by right. Unavailable if somebody does not answer who has to say so.
    """
    judge = Judge(client, services.orders, services.payments)
    order = await services.orders.get(order_id)
    found = await judge.of_order(order_id)
    if SETTLED.isdisjoint(each.why for each in found):
        detail = f"the provider has no money of order {order_id} that was to go back"
        raise Rejected("step_not_blocked", detail)
    about = await _find_step(order_id, order.status, services)
    note = StepNote(
        order_id=order_id,
        step=about.step,
        blocked=None,
        still_blocked=False,
        action=word.action,
        evidence=word.evidence,
        who=word.who,
        role=about.role,
    )
    await services.orders.note(StepKey(saga_id=about.saga_id, step=NOTE), note)
    return about


async def _find_step(order_id: str, status: OrderStatus, services: Services) -> MoneyStep:
    if status is not OrderStatus.RETURNED:
        return MoneyStep(workflow_id(order_id), "charge_payment", Role.COMPENSATION)
    types = [event.type for event in await services.orders.history(order_id)]
    attempt = 1 + types.count(RETURN_ABANDONED)
    return MoneyStep(return_id(order_id, attempt), "refund_payment", Role.ACTION)
