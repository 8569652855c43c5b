"""The story of an order, as the API, `saga explain`, `saga stuck` and the console tell it."""

from collections.abc import Sequence

from api.story.blocked_steps import BlockedStep, list_blocked
from api.story.facts import OrderFacts
from api.story.money import MoneyStory, tell_money
from api.story.settled_by_hand import SettledByHand, list_settled
from api.story.standing import Standing, tell_next, tell_standing
from api.story.stock import StockStory, tell_stock
from api.temporal.troubles import Trouble
from contracts.base import Message
from contracts.orders import OrderStatus


class SagaTrouble(Message):
    """What is wrong with a saga of the order."""

    saga_id: str
    trouble: Trouble


class OrderStory(Message):
    """How an order stands (`says`), and what happens `next`, in sentences and in parts.

    `needs_attention`: a person of ours must do something, as far as that is known. `blocked` and
    `troubles` are what is wrong with its sagas, `settled` what operators have answered for, and
    `not_answering` those who did not: what they would know is not told, and no sentence takes it
    for granted.
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


def tell_story(facts: OrderFacts) -> OrderStory:
    """The story that these facts make."""
    settled = list_settled(facts)
    money, stock = tell_money(facts, settled), tell_stock(facts)
    standing = Standing(facts, list_blocked(facts), settled, money, stock)
    troubles = [
        SagaTrouble(saga_id=each.saga.saga_id, trouble=each.saga.trouble)
        for each in facts.sagas
        if each.saga.trouble is not None
    ]
    wrong = standing.blocked or troubles or standing.is_adrift or standing.contradicts_status
    return OrderStory(
        order_id=facts.order.id,
        status=facts.order.status,
        says=tell_standing(standing),
        next=tell_next(standing),
        money=money,
        stock=stock,
        blocked=standing.blocked,
        settled=settled,
        troubles=troubles,
        not_answering=list(facts.silent),
        needs_attention=bool(wrong),
    )
