"""The story of an order, as the API, `saga explain`, `saga stuck` and the console tell it."""

from collections.abc import Sequence

from api.story.blocked_steps import BlockedStep, list_blocked
from api.story.facts import OrderFacts
from api.story.money import MoneyStory, tell_money
from api.story.settled_by_hand import SettledByHand, list_settled
from api.story.standing import Standing, tell_next, tell_standing
from api.story.stock import StockStory, tell_stock
from api.temporal.troubles import SagaTrouble
from contracts.base import Message
from contracts.orders import OrderStatus


class OrderStory(Message):
    """How an order stands (`says`), and what happens `next`, in sentences and in parts.

    `needs_attention`: it is in the list of trouble, as somebody may, or must, do something.
    `blocked` and `troubles` are what is wrong with it there, `settled` what operators have answered
    for, and `not_answering` those who did not: what they would know is not told, and no sentence
    takes it for granted.
    """

    order_id: str
    status: OrderStatus
    says: str
    next: str
    money: MoneyStory
    stock: StockStory
    blocked: Sequence[BlockedStep]
    settled: Sequence[SettledByHand]
    troubles: Sequence[SagaTrouble]
    not_answering: Sequence[str]
    needs_attention: bool


def is_unexplained(facts: OrderFacts) -> bool:
    """Whether something is wrong of which nobody has told."""
    standing = _stand(facts)
    return standing.is_unexplained and not standing.troubles


def _stand(facts: OrderFacts) -> Standing:
    settled = list_settled(facts)
    money, stock = tell_money(facts, settled), tell_stock(facts)
    return Standing(facts, list_blocked(facts), settled, money, stock)


def tell_story(facts: OrderFacts) -> OrderStory:
    """The story that these facts make."""
    standing = _stand(facts)
    wrong = standing.blocked or standing.troubles or standing.is_unexplained
    return OrderStory(
        order_id=facts.order.id,
        status=facts.order.status,
        says=tell_standing(standing),
        next=tell_next(standing),
        money=standing.money,
        stock=standing.stock,
        blocked=standing.blocked,
        settled=standing.settled,
        troubles=standing.troubles,
        not_answering=list(facts.silent),
        needs_attention=bool(wrong),
    )
