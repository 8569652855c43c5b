"""Where the life of a saga ends that has a step parked: at the note that tells the record of it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from saga.verify.faults import Fault
from saga.verify.groups import PARKED, SAID
from saga.verify.injection.run_state import RunState


def find_life_end(state: RunState, args: Sequence[Any]) -> Fault | None:
    """The fault with which the saga's life ends in this attempt; None if it does not."""
    fault = state.ending
    if fault is None or (note := state.controller.note_in(args)) is None:
        return None
    is_this_note = note.step == fault.point.step and note.parked is (fault.life in PARKED)
    return fault if is_this_note else None


async def end_life(state: RunState, fault: Fault, body: Callable[[], Awaitable[Any]]) -> Any:
    """The life ends before the note is on record, if a word is just said; else after."""
    if state.ending is not fault:
        return await body()
    if fault.life in SAID:
        await state.controller.outlive(fault)
        raise ConnectionError("its worker is lost with its saga")
    reply = await body()
    for decision in state.decisions:
        decision.on_record = decision.on_record or reply.evidence == decision.evidence
    await state.controller.outlive(fault)
    return reply
