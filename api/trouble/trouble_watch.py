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

from api.temporal.troubles import LATE, Kind
from api.trouble.trouble_list import TroubleList
from infrastructure.cancellation import not_cancelled, running_beside
from infrastructure.telemetry.metrics import gauge
from saga.participant import Unavailable

EVERY = 15.0  # seconds
PAUSES = 10  # times as long as a look took, if that is longer
log = logging.getLogger(__name__)


class TroubleWatch:
    """Counts the sagas in trouble, those that are open for longer than `late` among them."""

    def __init__(self, troubles: TroubleList, late: timedelta = LATE) -> None:
        self._troubles = troubles
        self._late = late

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look meanwhile."""
        async with running_beside(self._look_repeatedly()):
            yield

    async def look(self) -> dict[Kind, int]:
        """Count them, and tell it. Unavailable if Temporal does not answer."""
        found = await self._troubles.find(self._late)
        counted = Counter(row.trouble.kind for row in found if row.trouble is not None)
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
            except Unavailable as error:
                log.warning("sagas in trouble are not known: %s", error)
            except Exception:  # of whatever kind: who stops looking alerts nobody
                log.exception("sagas in trouble are not known")
            await asyncio.sleep(pause)
