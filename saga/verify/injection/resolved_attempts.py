"""How an attempt fares of which people speak: until they do, or though it needs nobody."""

from enum import StrEnum
from typing import Any

from saga.verify.groups import EARLY, EVIDENCE
from saga.verify.injection.attempt import Attempt, Behaviour
from saga.verify.injection.behaviours import (
    fails_for_ever,
    is_done_by_hand,
    is_rejected,
    loses_every_reply,
)
from saga.verify.injection.simulated_operator import say
from saga.verify.kinds import Kind


async def is_resolved_early(attempt: Attempt) -> Any:
    """An operator speaks of a step that runs, and is not parked."""
    if attempt.number == 1:
        attempt.fire()
        await say(attempt.state, attempt.fault, EARLY[attempt.fault.kind])
    return await attempt.body()


SPOKEN: dict[StrEnum, Behaviour] = {
    **dict.fromkeys((Kind.MARKED_UNDONE, Kind.SKIPPED_UNDONE, Kind.RETRIED_IN_VAIN), is_rejected),
    **dict.fromkeys((Kind.FAILS_SKIPPED, Kind.FAILS_ONLY_RETRY), fails_for_ever),
    **dict.fromkeys((Kind.TWO_RETRIES, Kind.RETRY_AND_DONE, Kind.DONE_AND_RETRY), is_done_by_hand),
    **dict.fromkeys((Kind.DONE_AND_SKIP, Kind.SKIP_AND_DONE, Kind.TWO_DONE), is_done_by_hand),
    Kind.SAID_AGAIN: is_done_by_hand,
    Kind.ONLY_RETRY: is_rejected,
    Kind.LOST_MARKED: loses_every_reply,
    **dict.fromkeys(EVIDENCE, is_rejected),
    **dict.fromkeys(EARLY, is_resolved_early),
}
