"""What operators have settled by a word: what it means, who said so, and on what evidence."""

from collections.abc import Sequence

from api.story.facts import OrderFacts
from api.story.step_words import does, undoes
from contracts.base import Message, Money, ToldTime
from contracts.names import workflow_id
from contracts.orders import BY_HAND, Order
from contracts.payments import MONEY_STEPS
from saga import Resolving, Role
from workflows.sagas import SAGAS

COMPENSATED = {
    step.name for saga in SAGAS.values() for step in saga.definition if step.compensation
}


class SettledByHand(Message):
    """A step that an operator has skipped or marked as done. `means` says what that comes to.

    `covers`: what of the price of a confirmed order that is, if it is of such a part.
    """

    saga_id: str
    step: str
    action: Resolving
    means: str
    who: str
    evidence: str
    recorded_at: ToldTime
    covers: Money | None = None

    @property
    def is_about_money(self) -> bool:
        """Whether it is about money that was to go back."""
        return self.step in MONEY_STEPS

    def describe(self) -> str:
        """In a sentence."""
        return f"{self.who} says that {self.means} ({self.evidence})."


def list_settled(facts: OrderFacts) -> Sequence[SettledByHand]:
    """All of an order, oldest first."""
    return [
        SettledByHand(
            saga_id=event.data.get("saga_id") or workflow_id(facts.order.id),
            step=str(event.data["step"]),
            action=Resolving(event.data["action"]),
            means=explain_word(
                event.data["step"], event.data["action"], event.data.get("role"), facts.order
            ),
            who=str(event.data.get("who")),
            evidence=str(event.data.get("evidence")),
            recorded_at=event.recorded_at,
            covers=event.data.get("covers"),
        )
        for event in facts.events
        if event.data.get("action") in BY_HAND
    ]


def explain_word(step: str, action: str, role: str | None, order: Order) -> str:
    """What `action`, one of BY_HAND, says of this step of the order.

    Notes of before roles were told are of the compensation, if there is one.
    """
    usual = Role.COMPENSATION if step in COMPENSATED else Role.ACTION
    what = (undoes if (role or usual) == Role.COMPENSATION else does)(step, order)
    if action == Resolving.SKIP:
        deed, _, _ = what.partition(";")  # what is said of a deed that is done is not so
        return f"this is left undone for good: the saga never {deed}"
    return f"this was done by other means: it {what}"
