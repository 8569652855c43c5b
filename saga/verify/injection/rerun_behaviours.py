"""Faults that leave effects behind of which the saga's history knows nothing.

On the fast path a workflow task may be lost with all that it did. And a run that an operator ends
and resets begins anew. Either way the saga lives a second time beside what it has done in its
first, and is cancelled, refused or fails at a place that is earlier than how far it had come.
"""

from enum import StrEnum
from typing import Any

from saga.verify.groups import ENDED, TASK_LOST
from saga.verify.injection.behaviours import Attempt, Behaviour
from saga.verify.kinds import Kind

# What strikes at a fault's other site, in the second life.
SECOND: dict[StrEnum, StrEnum] = {
    Kind.TASK_LOST_DOWN: Kind.FAILS_FOR_EVER,
    Kind.ENDED_CANCEL: Kind.CANCEL_BEFORE,
    Kind.ENDED_CUSTOMER: Kind.CUSTOMER_BEFORE,
    Kind.ENDED_QUESTION: Kind.ONLY_RETRY,
    Kind.ENDED_QUESTION_DOWN: Kind.FAILS_ONLY_RETRY,
}
QUESTIONS = {Kind.ENDED_QUESTION, Kind.ENDED_QUESTION_DOWN}
FIRST = {Kind.TASK_LOST_DOWN}  # … at what is called first


async def task_lost(it: Attempt) -> Any:
    """After its effect. A cancel is there before the task is done again."""
    reply = await it.body()
    if it.fault not in it.script.fired:
        it.fire()
        if it.fault.kind is Kind.TASK_LOST_REFUSED and it.fault.then is not None:
            await it.script.stage.refuse(it.fault.then.activity)
        else:
            _second_life(it)
        it.script.stage.lose(TASK_LOST[it.fault.kind])
    return reply


async def ended(it: Attempt) -> Any:
    """After its effect. Without another site, a cancel is there before the new run's first task."""
    reply = await it.body()
    if it.fault not in it.script.fired:
        it.fire()
        if it.fault.kind is Kind.ENDED_REFUSED and it.fault.then is not None:
            await it.script.stage.refuse(it.fault.then.activity)
            it.script.count_anew()
        else:
            _second_life(it)
        at_once = it.fault.then is None or it.fault.kind in QUESTIONS
        way = ENDED[it.fault.kind] if at_once else None
        await it.script.stage.end_and_reset(way)
    return reply


def _second_life(it: Attempt) -> None:
    """Have the fault's second part strike."""
    if it.fault.kind in FIRST or it.fault.then is not None:
        it.script.begin_again(SECOND[it.fault.kind], it.fault.then)


EARLIER: dict[StrEnum, Behaviour] = {
    **dict.fromkeys(TASK_LOST, task_lost),
    **dict.fromkeys(ENDED, ended),
}
