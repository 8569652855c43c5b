"""Load shedding: how many sagas may be open before new orders are asked to come back later.

When a step's dependency is down, sagas pile up that will have to be undone. So every process of
the API looks every second how many sagas are open and how many of them are old, and keeps a window
of how many there may be. The numbers come from Temporal's visibility, which all processes share;
nothing is asked for a single order (docs/adr/0088-storm-control.md).

The window opens by a fixed step and is halved while too many are old: additive increase and
multiplicative decrease, as Jacobson has it for networks (1988).
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.service import RPCError

from contracts.workflow_io import SAGA_TYPES, any_of
from infrastructure.cancellation import not_cancelled, running_beside
from infrastructure.telemetry.metrics import counter, gauge

MOST_OPEN = 500  # sagas; several times what a healthy stack of this size has at work
OLD = timedelta(seconds=5)  # many times what a healthy saga takes
LOOK_EVERY = 1.0  # seconds
LOOK_TIMEOUT = timedelta(seconds=2)
TYPES = any_of([kind.name for kind in SAGA_TYPES])
OPEN = f"{TYPES} AND ExecutionStatus = 'Running' AND SagaState != 'blocked'"
OPEN += " AND SagaState != 'waiting'"  # for a person or a partner: it takes nothing of ours

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenSagas:
    """Open sagas that neither are parked nor wait for somebody; how many are older than OLD."""

    open: int
    old: int


class Window:
    """How many sagas may be open: between `least` and `most`."""

    least = 20  # enough to notice that the dependency is back
    step = 25
    tolerated = 0.25  # of the window: so many may be old; a few always are

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = most

    @property
    def narrow(self) -> bool:
        """Whether it is not what it is in good times."""
        return self.size < self.most

    def adjust(self, open_sagas: OpenSagas) -> None:
        """Open it a little, or halve it if too many are old."""
        if open_sagas.old > max(self.least, self.size * self.tolerated):
            self.size = max(min(self.least, self.most), self.size // 2)
        else:
            self.size = min(self.most, self.size + self.step)


class LoadShedder:
    """Sheds new orders of this process while too many sagas are open.

    `most` is how many may be open at the most; None for no bound, and no counting either.
    """

    def __init__(self, client: Client, most: int | None, *, look_every: float = LOOK_EVERY) -> None:
        self._client = client
        self._look_every = look_every
        # Started since the last look, and between the two before, of which it may not know yet:
        # visibility lags. Some are counted twice, so the window is never overrun by these.
        self._started, self._started_before = 0, 0
        self._dice = random.SystemRandom()
        self.window = Window(most) if most is not None else None
        self.open_sagas = OpenSagas(0, 0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Count meanwhile, and adjust the window."""
        if self.window is None:
            yield
            return
        _count_refused(0)  # so that it can be read before the first
        async with running_beside(self._count_repeatedly(self.window)):
            yield

    def shed(self) -> int | None:
        """Refuse a new order if too many sagas are open: the seconds before another attempt.

        They differ from one caller to the next, so that those do not all come at once. None if the
        order may start; it is counted as open from now on.
        """
        window = self.window
        open_now = self.open_sagas.open + self._started + self._started_before
        if window is None or open_now < window.size:
            self._started += 1
            return None
        _count_refused(1)
        return self._dice.randint(5, 15) if window.narrow else self._dice.randint(1, 3)

    async def count_open(self) -> OpenSagas:
        """Ask Temporal how many are open now. RPCError or RuntimeError if it does not answer."""
        before = datetime.now(UTC) - OLD
        old = f"{OPEN} AND StartTime < '{before.isoformat()}'"
        counts = await asyncio.gather(
            *(self._client.count_workflows(item, rpc_timeout=LOOK_TIMEOUT) for item in (OPEN, old))
        )
        return OpenSagas(*(count.count for count in counts))

    async def _count_repeatedly(self, window: Window) -> None:
        while not_cancelled():
            try:
                open_sagas = await self.count_open()
            except (RPCError, RuntimeError) as error:
                log.warning("open sagas are not known: %s: %s", type(error).__name__, error)
            else:
                self.open_sagas = open_sagas
                self._started, self._started_before = 0, self._started
                window.adjust(open_sagas)
                _record_metrics(open_sagas, window)
            await asyncio.sleep(self._look_every)


def _count_refused(orders: int) -> None:
    counter("saga_admission_refused", "New orders that were told to come later").add(orders)


def _record_metrics(open_sagas: OpenSagas, window: Window) -> None:
    gauge("saga_open", "Sagas of orders that are open, and neither blocked nor waiting").set(
        open_sagas.open
    )
    gauge("saga_open_old", "Those of them that are older than healthy ones get").set(open_sagas.old)
    gauge("saga_admission_window", "How many may be open before new orders wait").set(window.size)
