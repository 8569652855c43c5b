"""The lives of a saga: what a run knows of those before it, and how it goes on in another.

A saga is one by its id. Its workflow may have run before under it: it was reset, or started again
after its end, or a workflow task was lost with all that it did. Then the services' barriers hold
effects, and operators may have said words, of which this run's history does not tell.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from temporalio import workflow

from saga.messages import FailureCause


@dataclass
class EarlierRuns:
    """What a later run of a saga knows from its start: `undo` is why it is to be undone, if it is.

    The saga keeps it up to date, for a run that comes after its own.

    `by_temporal`: because Temporal was asked to cancel it. `landed`: the pivot had landed, though
    its store may have forgotten; so it is past it from the start, and all its steps must succeed.
    `deadline`: when the saga has to be done (ISO 8601). `since`: when each request was opened that
    a step waits for; `answers`: what each was answered, as JSON has it.
    """

    undo: FailureCause | None = None
    by_temporal: bool = False
    landed: bool = False
    deadline: str | None = None
    since: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)


ContinueAsNew = Callable[[EarlierRuns], NoReturn]


def has_earlier_run() -> bool:
    """Whether a run of this workflow came before this one: it was reset, or begun anew."""
    info = workflow.info()
    return info.run_id != info.first_execution_run_id


def has_earlier_run_by(patch: str) -> bool:
    """Whether there was an earlier run, for a rule that older histories do not know.

    `patch` names the rule that needs to know: what an earlier run has on record is replayed as it
    was, so ask as late as can be.
    """
    return has_earlier_run() and workflow.patched(patch)


def may_have_untracked_effects(untracked: bool, patch: str) -> bool:
    """Whether there may be effects that this run of the saga knows nothing of.

    An activity of another worker is on record before it runs. Not so on the fast path, where a
    workflow task may be lost with all that it did; and a reset leaves out of the new run's history
    what the old one did. `untracked`: there is a fast path, or the saga is said to have run
    before.
    """
    return untracked or has_earlier_run_by(patch)
