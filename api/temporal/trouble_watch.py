"""How many sagas are in each kind of trouble, as a metric: what alerts are made of.

It looks by itself now and then, so that a scrape asks Temporal for nothing, and takes a tenth of
its time for it at most: with thousands in trouble it looks less often. Each API process looks.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError

from api.temporal.stuck_sagas import find_stuck
from api.temporal.troubles import LATE, Kind
from infrastructure.cancellation import not_cancelled, running_beside
from infrastructure.telemetry.metrics import gauge

EVERY = 15.0  # seconds
PAUSES = 10  # times as long as a look took, if that is longer
log = logging.getLogger(__name__)


class TroubleWatch:
    """Counts the sagas in trouble, those that are open for longer than `late` among them."""

    def __init__(self, client: Client, late: timedelta = LATE) -> None:
        self._client = client
        self._late = late

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look meanwhile."""
        async with running_beside(self._look_repeatedly()):
            yield

    async def look(self) -> dict[Kind, int]:
        """Count them, and tell it. RPCError or RuntimeError if Temporal does not answer."""
        found = await find_stuck(self._client, late=self._late)
        counted = Counter(trouble.kind for _, trouble in found)
        counts = {kind: counted[kind] for kind in Kind}
        for kind, count in counts.items():
            gauge("saga_in_trouble", "Sagas that need a person").set(count, {"kind": kind.value})
        return counts

    async def _look_repeatedly(self) -> None:
        while not_cancelled():
            pause, began = EVERY, time.monotonic()
            try:
                await self.look()
                pause = max(EVERY, PAUSES * (time.monotonic() - began))
            except (RPCError, RuntimeError) as error:
                log.warning("sagas in trouble are not known: %s: %s", type(error).__name__, error)
            except Exception:  # of whatever kind: who stops looking alerts nobody
                log.exception("sagas in trouble are not known")
            await asyncio.sleep(pause)
