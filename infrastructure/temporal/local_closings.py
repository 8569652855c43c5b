"""Who waits in this process for a workflow that runs in it is told of its end, and asks nobody.

What is told is only a signal: it can come too late, or never, as when another process has taken the
workflow over. So whoever waits does so for a moment, and then by a long poll at Temporal.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 1000  # that are expected at once; the oldest are forgotten, and asked for at Temporal


class LocalClosings:
    """The ends of workflows that were begun in this process. All but `note` in one event loop."""

    def __init__(self) -> None:
        self._expected: OrderedDict[str, asyncio.Future[None]] = OrderedDict()

    @contextmanager
    def expecting(self, workflow_id: str) -> Iterator[list[bool]]:
        """Expect its end from before it is started, so that none is missed.

        It is forgotten again unless it is put into the list that it has begun here, or was expected
        before: a start that is repeated begins nothing.
        """
        here = [workflow_id in self._expected]
        if not any(here):
            self._expected[workflow_id] = asyncio.get_running_loop().create_future()
        if len(self._expected) > MOST:
            self._expected.popitem(last=False)
        try:
            yield here
        finally:
            if not any(here):
                self._expected.pop(workflow_id, None)

    def note(self, workflow_id: str) -> None:
        """It has closed, and Temporal has it on record. From any thread."""
        if (closed := self._expected.get(workflow_id)) is not None:
            closed.get_loop().call_soon_threadsafe(_resolve, closed)

    async def wait(self, workflow_id: str, seconds: float) -> bool:
        """Whether it closes here within so many seconds. At once False if it is not expected."""
        if (closed := self._expected.get(workflow_id)) is None:
            return False
        try:
            await asyncio.wait({closed}, timeout=seconds)
        finally:
            self._expected.pop(workflow_id, None)
        return closed.done()


def _resolve(closed: asyncio.Future[None]) -> None:
    if not closed.done():
        closed.set_result(None)
