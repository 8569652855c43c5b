"""Goes on in a later life before the history of a run is as long as Temporal allows."""

import asyncio

from temporalio import workflow

from saga.duties import Duties
from saga.journal import Journal
from saga.lives import Later, Renew


class Renewal:
    """Tells when it is time, and does it.

    Only what it is sent makes it long, so there is nothing to do but for a saga that is blocked, or
    that waits for an answer.
    """

    def __init__(self, duties: Duties, journal: Journal, renew: Renew | None) -> None:
        self._duties = duties
        self._journal = journal
        self._renew = renew
        self._due: asyncio.Task[None] | None = None

    async def wait(self, work: asyncio.Task[object]) -> bool:
        """Until the work is done; False if the saga had better go on in a later life before."""
        if self._renew is not None and self._due is None:
            self._due = asyncio.create_task(self._until_due())
        waiting = [work] if self._due is None or self._renew is None else [work, self._due]
        await workflow.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return work.done()

    def begin(self, later: Later) -> None:
        """Do so: what this one has done is found in the barriers."""
        renew, self._renew = self._renew, None
        if renew is not None and workflow.patched("begins-anew"):
            renew(later)

    def stop(self) -> None:
        """It has come to its end."""
        if self._due is not None:
            self._due.cancel()

    async def _until_due(self) -> None:
        suggested = workflow.info().is_continue_as_new_suggested
        await workflow.wait_condition(lambda: suggested() and self._is_idle())

    def _is_idle(self) -> bool:
        waits = self._journal.waits() and workflow.all_handlers_finished()
        return waits or self._duties.is_waiting()
