"""The lives of a saga: what a run knows of those before it, and how it goes on in another.

A saga is one by its id. Its workflow may have run before under it: it was reset, or started again
after its end, or a workflow task was lost with all that it did. Then the services' barriers hold
effects, and operators may have said words, of which this run's history does not tell.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from temporalio import workflow

from saga.call import Cause
from saga.duties import Duties


@dataclass(frozen=True)
class Later:
    """What a later life of a saga knows from its start: `undo` is why it is to be undone, if it is.

    `by_temporal`: because Temporal was asked to cancel it. `landed`: the pivot had landed, though
    its store may have forgotten; so it is past it from the start, and all its steps must succeed.
    """

    undo: Cause | None = None
    by_temporal: bool = False
    landed: bool = False


Renew = Callable[[Later], NoReturn]


def is_later_run(patch: str) -> bool:
    """Whether a run of this workflow came before this one: it was reset, or begun anew.

    `patch` names the rule that needs to know: what an earlier run has on record is replayed as it
    was, so ask as late as can be.
    """
    info = workflow.info()
    return info.run_id != info.first_execution_run_id and workflow.patched(patch)


def lived_before(lived: bool, patch: str) -> bool:
    """Whether there may be effects that this run of the saga knows nothing of.

    An activity of another worker is on record before it runs. Not so on the fast path, where a
    workflow task may be lost with all that it did; and a reset leaves out of the new run's history
    what the old one did. `lived`: there is a fast path, or the saga was said to have lived before.
    """
    return lived or is_later_run(patch)


class Renewal:
    """Goes on in a later life before the history of this run is as long as Temporal allows.

    Only what operators say makes it long, so there is nothing to do but for a saga that is blocked.
    """

    def __init__(self, duties: Duties, renew: Renew | None) -> None:
        self._duties = duties
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
        await workflow.wait_condition(lambda: suggested() and self._duties.is_waiting())
