"""The figures above the live orders: how orders flow, and what money and stock is under way.

All who look on share one look of each kind, which is made anew when it is too old.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from temporalio.client import Client

from api.orders.exposure import read_stakes, sum_by_currency, sum_stock
from api.temporal.saga_gateway import OrderSagas
from api.temporal.troubles import LATE
from api.trouble.trouble_list import TroubleList
from console.templating import part, words
from contracts.base import Money
from contracts.names import order_of
from contracts.order_statistics import OrderFlow
from contracts.orders import OrderStatus
from infrastructure.shared_look import SharedLook
from saga import SagaState
from saga.participant import Unavailable
from services.composition import Services

SLOT, SLOTS = 10, 60  # seconds, and how many of them: ten minutes
FLOW_AGE, STAKES_AGE, BLOCKED_AGE, TROUBLE_AGE = 0.9, 5.0, 3.0, 5.0  # seconds
MOST_BLOCKED = MOST_TROUBLES = 100
BRIEFLY = 1.0  # seconds: no page waits longer for it
HEIGHT = 36  # of a sparkline, in its own units
BAR, GAP = 4, 1
GROUPS = {  # from the bottom of a bar to its top
    "good": {OrderStatus.CONFIRMED, OrderStatus.RETURNED},
    "open": {OrderStatus.PENDING},
    "bad": {OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.TIMED_OUT},
    "stuck": {OrderStatus.BLOCKED},
}


@dataclass(frozen=True)
class Bars:
    """All of a sparkline's bars in one colour, as one SVG path in the sparkline's own units.

    One element for each colour, however many bars: the page does not grow as they fill in.
    """

    group: str
    path: str


@dataclass(frozen=True)
class Stakes:
    """What is under way: money that is captured for orders that are not confirmed, and stock."""

    money: Sequence[Money]
    stock: int


@dataclass(frozen=True)
class Figures:
    """What the page shows of all orders."""

    flow: OrderFlow
    stakes: Stakes | None  # None while a service that knows them is not available

    @property
    def window(self) -> str:
        """What the small charts show."""
        return f"the last {SLOT * SLOTS // 60} minutes, a bar for each {SLOT} s"

    @property
    def placed(self) -> str:
        """Of which orders the figure of outcomes is, however long after that they ended."""
        return f"of those that were placed in {self.window}, and have ended by now"

    @property
    def legend(self) -> Mapping[str, str]:
        """Which statuses each colour of `outcomes` stands for."""
        return {
            group: ", ".join(words(status) for status in OrderStatus if status in statuses)
            for group, statuses in GROUPS.items()
        }

    @property
    def per_minute(self) -> int:
        """Orders that were recorded in the last full minute."""
        slots = range(1, 1 + 60 // SLOT)
        return sum(slot.orders for slot in self.flow.slices if slot.slot in slots)

    @property
    def ended_well(self) -> str:
        """The share of confirmed orders among those placed in the ten minutes that have ended."""
        groups = self._by_group()
        ended = groups["good"] + groups["bad"]
        return f"{100 * groups['good'] / ended:.1f} %" if ended else "-"

    @property
    def ended_badly(self) -> int:
        """Orders placed in the ten minutes that were undone."""
        return self._by_group()["bad"]

    def _by_group(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for slot in self.flow.slices:
            found[_group(slot.status)] += slot.orders
        return found

    @property
    def throughput(self) -> list[Bars]:
        """A bar for each slot: how many orders."""
        totals: Counter[int] = Counter()
        for item in self.flow.slices:
            totals[item.slot] += item.orders
        most = max([*totals.values(), 1])
        bars = (_bar(slot, 0.0, orders / most) for slot, orders in sorted(totals.items()))
        return [Bars("all", "".join(bars))]

    @property
    def outcomes(self) -> list[Bars]:
        """A bar for each slot: which part of its orders ended how."""
        slots: dict[int, Counter[str]] = {}
        for item in self.flow.slices:
            slots.setdefault(item.slot, Counter())[_group(item.status)] += item.orders
        paths = dict.fromkeys(GROUPS, "")
        for slot, counted in sorted(slots.items()):
            below = 0.0
            for group in GROUPS:
                share = counted[group] / counted.total()
                paths[group] += _bar(slot, below, share)
                below += share
        return [Bars(group, path) for group, path in paths.items()]


def _bar(slot: int, below: float, share: float) -> str:
    """A rectangle as a path, or nothing; both are parts of the height, from the bottom."""
    bottom, height = round(HEIGHT * (1 - below), 2), round(HEIGHT * share, 2)
    return f"M{_x(slot)} {bottom}h{BAR}v{-height}h{-BAR}z" if height else ""


def _x(slot: int) -> int:
    """The newest slot is on the right."""
    return (SLOTS - 1 - min(slot, SLOTS - 1)) * (BAR + GAP)


def _group(status: str) -> str:
    return next((name for name, statuses in GROUPS.items() if status in statuses), "open")


class Board:
    """The figures of one API process."""

    def __init__(
        self, services: Services, client: Client, sagas: OrderSagas, troubles: TroubleList
    ) -> None:
        self._services = services
        self._client = client
        self._sagas = sagas
        self._all_troubles = troubles
        self._flow = SharedLook(lambda: services.orders.flow(SLOT, SLOTS), FLOW_AGE)
        self._stakes = SharedLook(self._look, STAKES_AGE)
        self._blocked = SharedLook(self._find_blocked, BLOCKED_AGE)
        self._troubles = SharedLook(self._count_troubles, TROUBLE_AGE)

    async def figures(self) -> Figures:
        """As they are, or were a moment ago. Unavailable if orders cannot be read."""
        flow = await self._flow.get()
        try:
            return Figures(flow, await self._stakes.get())
        except Unavailable:
            return Figures(flow, None)

    async def blocked_orders(self) -> Set[str]:
        """Orders one of whose sagas is blocked, be they confirmed; none if nobody tells."""
        return await self._blocked.get()

    async def count_attention(self) -> int | None:
        """How many sagas need a person, MOST_TROUBLES at most; None if nobody tells."""
        return await self._troubles.get_within(BRIEFLY)

    async def attention_part(self) -> dict[str, str]:
        """The number in the navigation, for the stream of a page."""
        return {"attention": part("words.html", "attention_count", await self.count_attention())}

    async def _count_troubles(self) -> int | None:
        try:
            return len(await self._all_troubles.find(LATE, MOST_TROUBLES))
        except Unavailable:
            return None

    async def _find_blocked(self) -> Set[str]:
        try:
            async with asyncio.timeout(BRIEFLY):
                found = await self._sagas.in_state(SagaState.BLOCKED, MOST_BLOCKED)
        except (Unavailable, TimeoutError):
            return frozenset()
        return {order_of(saga.saga_id) for saga in found}

    async def _look(self) -> Stakes:
        found = await read_stakes(self._services, self._client)
        if found.money is None or found.stock is None:
            raise Unavailable("a service that knows what is at stake does not answer")
        held = [
            Money(minor=amount.minor, currency=amount.currency)
            for amount in sum_by_currency(found.money)
        ]
        return Stakes(held, sum_stock(found.stock).pieces)
