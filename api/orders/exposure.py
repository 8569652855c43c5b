"""What is at stake in sagas that have not ended, and what those that have ended did cost.

Read from what is there anyway, by keys and indexes: open orders by their status, their payments by
order, reservations by saga, and other open sagas and closed ones by Temporal's visibility. Nothing
is written for it when an order runs.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple, TypeVar

from pydantic import Field
from temporalio.client import Client

from activities.executions import Execution, Status, list_executions
from api.overload.load_shedding import LoadShedder
from api.temporal.activity_attempts import count_attempts, read_tries
from api.temporal.errors import RPC_TIMEOUT, translate_errors
from contracts.base import Message
from contracts.inventory import Holding
from contracts.orders import OPEN_STATUSES, OrderFilter, OrderService, OrderStatus
from contracts.payments import Captured
from contracts.workflow_io import PLACING, SAGA_TYPES, any_of
from saga.participant import NotFound, Unavailable
from services.composition import Services

PAGE = 500
MOST = 5000  # open orders that are looked at; more than a storm may leave, see `load_shedding`
RECENT = 200  # closed sagas whose cost is told
READ = 5  # of each outcome, whose histories are read for their attempts
T = TypeVar("T")
CLOSED = f"{any_of([kind.name for kind in SAGA_TYPES])} AND CloseTime IS NOT NULL"
BESIDE = any_of([kind.name for kind in SAGA_TYPES if kind is not PLACING])
OPEN_BESIDE = f"{BESIDE} AND CloseTime IS NULL"


class MoneyAtStake(Message):
    """Captured, or may be, for orders that are not confirmed; `oldest_seconds` since the first was.

    A charge whose outcome is not known counts.
    """

    currency: str
    minor: int = Field(description="Minor units, such as cents")
    orders: int
    oldest_seconds: float


class StockAtStake(Message):
    """Reserved for orders that are not confirmed, or by another saga at work; and for how long."""

    pieces: int = 0
    orders: int = 0
    oldest_seconds: float = 0.0
    mean_seconds: float = 0.0


class SagaCost(Message):
    """What one saga cost, on average, of those that ended so; `attempts` are of activities.

    `saga` is its workflow's type, and `outcome` the status that its order had then.
    """

    saga: str
    outcome: str
    sagas: int
    seconds: float
    longest_seconds: float
    history_events: float
    history_bytes: float
    attempts: float


class AdmissionState(Message):
    """Whether this process admits new orders: while fewer sagas are open than the window has.

    `window` is None where nothing bounds them. Blocked sagas are not counted as open.
    """

    open: int
    old: int
    window: int | None
    most: int | None


class Exposure(Message):
    """How things stand. `complete` is false if there were too many open orders to look at all."""

    open_orders: int
    complete: bool
    not_answering: list[str] = Field(
        description="Services that know of money or stock and do not answer: it is left out"
    )
    money: list[MoneyAtStake]
    stock: StockAtStake
    costs: list[SagaCost]
    admission: AdmissionState


class AtStake(NamedTuple):
    """How many orders are open, what is captured for them or may be, and what is reserved.

    None is what the service that knows does not tell: it is down.
    """

    orders: int
    money: list[Captured] | None
    stock: list[Holding] | None


async def read_stakes(services: Services, client: Client) -> AtStake:
    """As it is. Unavailable if the order service or Temporal is."""
    beside, *found = await asyncio.gather(
        _list_open_beside(client), *(_open(services.orders, status) for status in OPEN_STATUSES)
    )
    ids = [item for some in found for item in some]
    sagas = [*(PLACING.first_id(order_id) for order_id in ids), *beside]
    money, stock = await asyncio.gather(
        _of_all(ids, services.payments.list_captured),
        _of_all(sagas, services.inventory.list_holdings),
    )
    return AtStake(len(ids), money, stock)


async def _list_open_beside(client: Client) -> list[str]:
    """The ids of open sagas that do not place an order, which need not be open for them."""
    async with translate_errors():
        found = list_executions(client, OPEN_BESIDE, limit=MOST, rpc_timeout=RPC_TIMEOUT)
        return [saga.id async for saga in found]


async def _of_all(
    ids: Sequence[str], ask: Callable[[Sequence[str]], Awaitable[list[T]]]
) -> list[T] | None:
    """What a service says of all these; None if it does not answer."""
    found: list[T] = []
    try:
        for begin in range(0, len(ids), PAGE):
            found += await ask(ids[begin : begin + PAGE])
    except Unavailable:
        return None
    return found


async def exposure(services: Services, client: Client, shedder: LoadShedder) -> Exposure:
    """All of it, now. Unavailable if the order service or Temporal is."""
    (orders, money, stock), costs = await asyncio.gather(
        read_stakes(services, client), _costs(client)
    )
    window = shedder.window
    silent = {"payment": money is None, "inventory": stock is None}
    return Exposure(
        open_orders=orders,
        complete=orders < MOST,
        not_answering=[name for name, missing in silent.items() if missing],
        money=sum_by_currency(money or ()),
        stock=sum_stock(stock or ()),
        costs=costs,
        admission=AdmissionState(
            open=shedder.open_sagas.open,
            old=shedder.open_sagas.old,
            window=window.size if window else None,
            most=window.most if window else None,
        ),
    )


def sum_by_currency(money: Iterable[Captured]) -> list[MoneyAtStake]:
    """The sums, in order of their currency."""
    found: dict[str, list[Captured]] = defaultdict(list)
    for stake in money:
        found[stake.amount.currency].append(stake)
    return [
        MoneyAtStake(
            currency=currency,
            minor=sum(item.amount.minor for item in some),
            orders=len(some),
            oldest_seconds=max(item.seconds for item in some),
        )
        for currency, some in sorted(found.items())
    ]


def sum_stock(stock: Sequence[Holding]) -> StockAtStake:
    """The sum."""
    if not stock:
        return StockAtStake()
    ages = [stake.seconds for stake in stock]
    return StockAtStake(
        pieces=sum(stake.pieces for stake in stock),
        orders=len(stock),
        oldest_seconds=max(ages),
        mean_seconds=sum(ages) / len(ages),
    )


async def _open(orders: OrderService, status: OrderStatus) -> list[str]:
    ids: list[str] = []
    cursor: str | None = None
    while len(ids) < MOST:
        page = await orders.page(OrderFilter(status=status), limit=PAGE, cursor=cursor)
        ids += [order.id for order in page.items]
        if (cursor := page.next_cursor) is None:
            break
    return ids


async def _costs(client: Client) -> list[SagaCost]:
    """Of the sagas that ended last, by what they are and how they ended."""
    ended: dict[tuple[str, str], list[Execution]] = defaultdict(list)
    async with translate_errors():
        async for saga in list_executions(client, CLOSED, limit=RECENT, rpc_timeout=RPC_TIMEOUT):
            ended[saga.workflow_type, _outcome(saga)].append(saga)
    return [await _cost(client, *how, some) for how, some in sorted(ended.items())]


def _outcome(execution: Execution) -> str:
    """The order's status; what a workflow that was ended from outside showed last is none."""
    if execution.status not in {Status.COMPLETED, Status.CANCELED}:
        return execution.status
    attributes = {
        attribute.key.name: str(attribute.value) for attribute in execution.search_attributes
    }
    return attributes.get("OrderStatus", execution.status)


async def _cost(client: Client, kind: str, outcome: str, sagas: Sequence[Execution]) -> SagaCost:
    seconds = [
        (saga.info.close_time.ToDatetime() - saga.info.start_time.ToDatetime()).total_seconds()
        for saga in sagas
    ]
    tried = []
    for saga in sagas[:READ]:
        with suppress(NotFound):  # its retention is over
            async with translate_errors():
                handle = client.get_workflow_handle(saga.id, run_id=saga.run_id)
                tries = await read_tries(client, handle)
                tried.append(sum(count_attempts(tries).values()))
    return SagaCost(
        saga=kind,
        outcome=outcome,
        sagas=len(sagas),
        seconds=_mean(seconds),
        longest_seconds=max(seconds, default=0.0),
        history_events=_mean([saga.info.history_length for saga in sagas]),
        history_bytes=_mean([saga.info.history_size_bytes for saga in sagas]),
        attempts=_mean(tried),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
