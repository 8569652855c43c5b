"""What a participant's barrier must say of a step when its saga has ended."""

from saga import StepKind
from saga.participant import State


def is_right(
    kind: StepKind, action: State | None, compensation: State | None, *, whole: bool
) -> bool:
    """Whether the rows of a step's action and compensation, None if there is none, are as they must

    be: done and not undone if the step stands (`whole`); else never done, or undone for good.
    """
    if whole:
        return (action, compensation) == (State.DONE, None)
    if kind is StepKind.COMPENSATABLE and (action or compensation):
        return action in {State.COMPENSATED, State.TOMBSTONE} and compensation is State.DONE
    return action in {None, State.TOMBSTONE} and compensation is None
