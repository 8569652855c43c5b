"""The story of an order, as the API, `saga explain`, `saga stuck` and the console tell it."""

from collections.abc import Sequence

from api.story.blocked_steps import BlockedStep, list_blocked
from api.story.facts import OrderFacts
from api.story.standing import tell_next, tell_standing
from api.temporal.troubles import Trouble
from contracts.base import Message
from contracts.orders import OrderStatus


class SagaTrouble(Message):
    """What is wrong with a saga of the order."""

    saga_id: str
    trouble: Trouble


class OrderStory(Message):
    """How an order stands (`says`), and what happens `next`, in sentences and in parts.

    `blocked` and `troubles` are what needs a person, and `not_answering` those who did not: what
    they would know is not told.
    """

    order_id: str
    status: OrderStatus
    says: str
    next: str
    blocked: Sequence[BlockedStep]
    troubles: Sequence[SagaTrouble]
    not_answering: Sequence[str]

    @property
    def needs_attention(self) -> bool:
        """Whether it waits for a person of ours."""
        return bool(self.blocked or self.troubles)


def tell_story(facts: OrderFacts) -> OrderStory:
    """The story that these facts make."""
    blocked = list_blocked(facts)
    return OrderStory(
        order_id=facts.order.id,
        status=facts.order.status,
        says=tell_standing(facts, blocked),
        next=tell_next(facts, blocked),
        blocked=blocked,
        troubles=[
            SagaTrouble(saga_id=each.saga.saga_id, trouble=each.saga.trouble)
            for each in facts.sagas
            if each.saga.trouble is not None
        ],
        not_answering=list(facts.silent),
    )
