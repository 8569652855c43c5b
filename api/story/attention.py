"""Every saga that needs a person: what is wrong, since when, what is at stake, and what helps."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import TypeVar

from api.story.blocked_steps import BlockedStep, find_in_events
from api.temporal.saga_listing import SagaFound, Stake
from api.temporal.troubles import WAYS_OUT, Kind, Trouble
from api.trouble.trouble_list import TroubleList
from contracts.base import Money
from contracts.names import order_of, workflow_id
from contracts.orders import OrderStatus
from contracts.workflow_io import RETURNING, type_of
from saga.participant import NotFound, Unavailable
from services.composition import Services

AT_ONCE = 8  # orders whose events are read
NO_CURRENCY = "XXX"  # ISO 4217's
T = TypeVar("T")


async def list_attention(
    services: Services, troubles: TroubleList, late: timedelta, limit: int
) -> list[SagaFound]:
    """Those that are stuck, and those open for longer than `late`; most money at stake first."""
    found = await troubles.find(late, limit)
    turns = asyncio.Semaphore(AT_ONCE)

    async def explain(saga: SagaFound) -> SagaFound:
        async with turns:
            return await _explain_blocked(saga, services)

    explained = await asyncio.gather(*(explain(saga) for saga in found))
    staked = await _add_stakes(explained, services)
    return sorted(staked, key=_rank)


def _rank(saga: SagaFound) -> tuple[int, str]:
    money = (saga.stake.missing or saga.stake.money) if saga.stake else None
    since = saga.trouble.since.isoformat() if saga.trouble else ""
    return -money.minor if money else 0, since


async def _explain_blocked(saga: SagaFound, services: Services) -> SagaFound:
    """With the steps that are blocked, if the order's events tell them."""
    if saga.trouble is None or saga.trouble.kind is not Kind.BLOCKED:
        return saga
    order_id = order_of(saga.saga_id)
    try:
        events = await services.orders.history(order_id)
    except (NotFound, Unavailable):
        return saga
    blocked = [step for step in find_in_events(order_id, events) if step.saga_id == saga.saga_id]
    return saga.model_copy(update={"trouble": name_blocked(blocked)}) if blocked else saga


def name_blocked(blocked: Sequence[BlockedStep]) -> Trouble:
    """What blocks a saga: these steps of it."""
    words = " and ".join(
        f"saga resolve {step.step} {step.saga_id} --action retry" for step in blocked
    )
    return Trouble(
        kind=Kind.BLOCKED,
        why="; ".join(f"{step.step} is blocked: {step.why}" for step in blocked),
        way_out=WAYS_OUT[Kind.BLOCKED].format(words=words),
        since=min(step.since for step in blocked),
    )


async def _add_stakes(found: Sequence[SagaFound], services: Services) -> list[SagaFound]:
    """What each service knows of all of them, asked once."""
    ids = sorted({order_of(saga.saga_id) for saga in found})
    stand, captured, held = await asyncio.gather(
        _unless_down(services.orders.statuses(ids)),
        _unless_down(services.payments.list_captured(ids)),
        _unless_down(services.inventory.list_holdings(_list_holders(found))),
    )
    money = None if captured is None else {each.order_id: each.amount for each in captured}
    pieces = None if held is None else {each.saga_id: each.pieces for each in held}
    return [saga.model_copy(update={"stake": _stake(saga, stand, money, pieces)}) for saga in found]


def _stake(
    saga: SagaFound,
    stand: dict[str, OrderStatus] | None,
    money: dict[str, Money] | None,
    pieces: dict[str, int] | None,
) -> Stake:
    """What is held for its order, or may be, unless that is confirmed and nothing returns it.

    Of money that an audit found, what it found.
    """
    its_pieces = None if pieces is None else sum(pieces.get(each, 0) for each in _holders(saga))
    if saga.stake is not None:
        return saga.stake.model_copy(update={"pieces": its_pieces})
    order_id = order_of(saga.saga_id)
    confirmed = stand is not None and stand.get(order_id) is OrderStatus.CONFIRMED
    settled = confirmed and type_of(saga.saga_id) is not RETURNING
    nothing = Money(minor=0, currency=NO_CURRENCY)
    return Stake(
        money=None if money is None else nothing if settled else money.get(order_id, nothing),
        pieces=its_pieces,
    )


def _list_holders(found: Sequence[SagaFound]) -> list[str]:
    return sorted({holder for saga in found for holder in _holders(saga)})


def _holders(saga: SagaFound) -> set[str]:
    """The sagas whose stock is at stake with this one: it, and the one that places the order."""
    return {saga.saga_id, workflow_id(order_of(saga.saga_id))}


async def _unless_down(asked: Awaitable[T]) -> T | None:
    try:
        return await asked
    except Unavailable:
        return None
