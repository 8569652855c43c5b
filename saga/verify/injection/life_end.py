"""Where the life of a saga ends that has a step parked: at the note that tells the record of it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from saga.verify.faults import Fault
from saga.verify.groups import PARKED, SAID
from saga.verify.injection.run_state import Script


def ends(script: Script, args: Sequence[Any]) -> Fault | None:
    """The fault with which the saga's life ends in this attempt; None if it does not."""
    fault = script.ending
    if fault is None or (note := script.stage.note_in(args)) is None:
        return None
    ended = note.step == fault.site.step and note.parked is (fault.life in PARKED)
    return fault if ended else None


async def ended_life(script: Script, fault: Fault, body: Callable[[], Awaitable[Any]]) -> Any:
    """The life ends before the note is on record, if a word is just said; else after."""
    if script.ending is not fault:
        return await body()
    if fault.life in SAID:
        await script.stage.outlive(fault)
        raise ConnectionError("its worker is lost with its saga")
    reply = await body()
    for word in script.words:
        word.on_record = word.on_record or reply.evidence == word.evidence
    await script.stage.outlive(fault)
    return reply
