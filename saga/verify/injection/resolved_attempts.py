"""How an attempt fares of which people speak: until they do, or though it needs nobody."""

from enum import StrEnum
from typing import Any

from saga.verify.groups import EARLY, EVIDENCE
from saga.verify.injection.behaviours import (
    Attempt,
    Behaviour,
    done_by_hand,
    fails_for_ever,
    is_rejected,
    replies_lost,
)
from saga.verify.injection.simulated_operator import say
from saga.verify.kinds import Kind


async def told_early(it: Attempt) -> Any:
    """An operator speaks of a step that runs, and is not parked."""
    if it.number == 1:
        it.fire()
        await say(it.script, it.fault, EARLY[it.fault.kind])
    return await it.body()


SPOKEN: dict[StrEnum, Behaviour] = {
    **dict.fromkeys((Kind.MARKED_UNDONE, Kind.SKIPPED_UNDONE, Kind.RETRIED_IN_VAIN), is_rejected),
    **dict.fromkeys((Kind.FAILS_SKIPPED, Kind.FAILS_ONLY_RETRY), fails_for_ever),
    **dict.fromkeys((Kind.TWO_RETRIES, Kind.RETRY_AND_DONE, Kind.DONE_AND_RETRY), done_by_hand),
    **dict.fromkeys((Kind.DONE_AND_SKIP, Kind.SKIP_AND_DONE, Kind.TWO_DONE), done_by_hand),
    Kind.SAID_AGAIN: done_by_hand,
    Kind.ONLY_RETRY: is_rejected,
    Kind.LOST_MARKED: replies_lost,
    **dict.fromkeys(EVIDENCE, is_rejected),
    **dict.fromkeys(EARLY, told_early),
}
