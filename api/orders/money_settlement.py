"""An operator's word on money of an order that has ended, of which no saga asks for one.

Money that was to go back, and cannot: the word is put on record as one on the step that was to give
it back, so it means the same to whoever reads it. Money that a confirmed order lacks: the word is
on that part of its price (`PAY_THE_REST`). The audit leaves it alone then, and names it.
"""

from dataclasses import dataclass
from typing import NamedTuple

from temporalio.client import Client

from activities.discrepancies import Judge
from contracts.base import Money
from contracts.ledgers import Discrepancy, WhyKept
from contracts.names import return_id, workflow_id
from contracts.orders import BY_HAND, PAY_THE_REST, RETURN_ABANDONED, Order, OrderStatus, StepNote
from contracts.payments import MONEY_STEPS
from saga import Resolving, Role
from saga.participant import Rejected, StepKey
from services.composition import Services
from workflows.place_order import CHARGE
from workflows.return_order import REFUND_PAYMENT

TO_GO_BACK = {WhyKept.CLOSED, WhyKept.REFUND_FAILED}  # what the audit gives back, if it can
SETTLED = {*TO_GO_BACK, WhyKept.MISSING}
NOTE = "note#on-ended"  # the word's step in the barrier, beside the kernel's notes


class MoneyStep(NamedTuple):
    """The step that a word on an order's money is of: of which saga, and what of it."""

    saga_id: str
    step: str
    role: Role


class MoneyWord(NamedTuple):
    """What an operator says of it: MARK_DONE is moved by other means, SKIP is left where it is."""

    action: Resolving
    evidence: str
    who: str


@dataclass(frozen=True)
class OpenMoney:
    """Money of which a word may be said: of which step that would be, and how much it is."""

    order: Order
    about: MoneyStep
    amount: Money

    @property
    def is_missing(self) -> bool:
        """Whether the customer has it, and not the provider."""
        return self.about.step == PAY_THE_REST


async def find_open_money(order_id: str, services: Services, client: Client) -> OpenMoney:
    """By the audit's own rule. NotFound if there is no such order.

    Rejected `step_not_blocked` if its money is where it belongs, or a saga's or somebody's word
    answers for it. Unavailable if somebody does not answer who has to say so.
    """
    order = await services.orders.get(order_id)
    judged = await Judge(client, services.orders, services.payments).of_order(order_id)
    found = next((each for each in judged if each.why in SETTLED), None)
    if found is None:
        raise Rejected("step_not_blocked", await _explain_none(order, judged, services))
    return OpenMoney(order, await _find_step(order, found, services), found.amount)


async def settle_money(money: OpenMoney, word: MoneyWord, services: Services) -> None:
    """Have a word on it on record; nothing is sent."""
    note = StepNote(
        order_id=money.order.id,
        step=money.about.step,
        blocked=None,
        still_blocked=False,
        action=word.action,
        evidence=word.evidence,
        who=word.who,
        role=money.about.role,
        covers=money.amount if money.is_missing else None,
    )
    await services.orders.note(StepKey(saga_id=money.about.saga_id, step=NOTE), note)


async def _find_step(order: Order, found: Discrepancy, services: Services) -> MoneyStep:
    if found.why is WhyKept.MISSING:
        return MoneyStep(workflow_id(order.id), PAY_THE_REST, Role.ACTION)
    if order.status is not OrderStatus.RETURNED:
        return MoneyStep(workflow_id(order.id), CHARGE.name, Role.COMPENSATION)
    types = [event.type for event in await services.orders.history(order.id)]
    attempt = 1 + types.count(RETURN_ABANDONED)
    return MoneyStep(return_id(order.id, attempt), REFUND_PAYMENT.name, Role.ACTION)


async def _explain_none(order: Order, judged: list[Discrepancy], services: Services) -> str:
    """Why no word can be said of its money now, and what helps instead."""
    if order.status.is_open:
        return (
            f"order {order.id} is {order.status}, so its saga answers for its money: what waits "
            f"there takes saga resolve, and what was ended from outside saga audit {order.id}"
        )
    if judged:
        return f"the money of order {order.id} is {judged[0].why}: see docs/runbooks/ledger.md"
    words = [
        event.data
        for event in await services.orders.history(order.id)
        if event.data.get("step") in {*MONEY_STEPS, PAY_THE_REST}
        and event.data.get("action") in BY_HAND
    ]
    if words:
        said = f"{words[-1].get('who')} has answered for it: {words[-1].get('evidence')}"
        return f"nothing more is to be settled of order {order.id}; {said}"
    if order.status is OrderStatus.CONFIRMED:
        return f"order {order.id} is confirmed, and its price is paid, or a return gives it back"
    return f"order {order.id} is {order.status}, and no money of it is left that was to go back"
