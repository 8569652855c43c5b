"""Faults that leave effects behind of which the saga's history knows nothing.

On the fast path a workflow task may be lost with all that it did. And a run that an operator ends
and resets begins anew. Either way the saga lives a second time beside what it has done in its
first, and is cancelled, refused or fails at a place that is earlier than how far it had come.
"""

from enum import StrEnum
from functools import partial
from typing import Any

from saga.verify.groups import ENDED, TASK_LOST
from saga.verify.injection.attempt import Attempt, Behaviour
from saga.verify.kinds import Kind

# What strikes at a fault's other point, in the second life.
SECOND: dict[StrEnum, StrEnum] = {
    Kind.TASK_LOST_DOWN: Kind.FAILS_FOR_EVER,
    Kind.ENDED_CANCEL: Kind.CANCEL_BEFORE,
    Kind.ENDED_CUSTOMER: Kind.CUSTOMER_BEFORE,
    Kind.ENDED_QUESTION: Kind.ONLY_RETRY,
    Kind.ENDED_QUESTION_DOWN: Kind.FAILS_ONLY_RETRY,
}
QUESTIONS = {Kind.ENDED_QUESTION, Kind.ENDED_QUESTION_DOWN}
FIRST = {Kind.TASK_LOST_DOWN}  # … at what is called first


async def loses_task(attempt: Attempt) -> Any:
    """After its effect. A cancel is there before the task is done again."""
    reply = await attempt.body()
    if attempt.fault not in attempt.state.fired:
        attempt.fire()
        if attempt.fault.kind is Kind.TASK_LOST_REFUSED and attempt.fault.then is not None:
            await attempt.state.controller.refuse(attempt.fault.then.activity)
        else:
            _second_life(attempt)
        attempt.state.controller.lose(TASK_LOST[attempt.fault.kind])
    return reply


async def is_ended_and_reset(attempt: Attempt) -> Any:
    """After its effect. Without another, a cancel is there before the new run's first task."""
    reply = await attempt.body()
    if attempt.fault not in attempt.state.fired:
        attempt.fire()
        if attempt.fault.kind is Kind.ENDED_REFUSED and attempt.fault.then is not None:
            await attempt.state.controller.refuse(attempt.fault.then.activity)
            begin_again = attempt.state.count_anew
        else:
            begin_again = partial(_second_life, attempt)
        at_once = attempt.fault.then is None or attempt.fault.kind in QUESTIONS
        source = ENDED[attempt.fault.kind] if at_once else None
        await attempt.state.controller.end_and_reset(source, begin_again)
    return reply


def _second_life(attempt: Attempt) -> None:
    """Have the fault's second part strike."""
    if attempt.fault.kind in FIRST or attempt.fault.then is not None:
        attempt.state.begin_again(SECOND[attempt.fault.kind], attempt.fault.then)


EARLIER: dict[StrEnum, Behaviour] = {
    **dict.fromkeys(TASK_LOST, loses_task),
    **dict.fromkeys(ENDED, is_ended_and_reset),
}
