"""Schedules in which people speak of steps: of each that can be parked, in each life."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle

from saga import StepKind
from saga.verify.faults import ExecutionPath, Fault, InjectionPoint, Schedule
from saga.verify.groups import AUDITED, EARLY, LATER
from saga.verify.kinds import Kind, Life
from saga.verify.recording import CANCELLED, REJECTED, Calls, Triggers, schedules_at

# What may be said of what is done or not, and by two at once; and what only of a question.
ALONE = (
    *(Kind.MARKED_UNDONE, Kind.SKIPPED_UNDONE, Kind.FAILS_SKIPPED, Kind.LOST_MARKED),
    *(Kind.RETRIED_IN_VAIN, Kind.SAID_AGAIN),
)
AT_ONCE = (
    *(Kind.TWO_RETRIES, Kind.RETRY_AND_DONE, Kind.DONE_AND_RETRY),
    *(Kind.DONE_AND_SKIP, Kind.SKIP_AND_DONE, Kind.TWO_DONE),
)
IN_LIVES = (Kind.REJECTED, Kind.MARKED_DONE, Kind.MARKED_UNDONE, Kind.SKIPPED_UNDONE)
IN_RESETS = (*IN_LIVES, Kind.SKIPPED, Kind.FAILS_FOR_EVER, Kind.LOST_MARKED)
QUESTIONED = (Kind.ONLY_RETRY, Kind.FAILS_ONLY_RETRY)
# An audit carries a saga on by the fast path, however it went before.
RESETS = tuple(life for life in LATER if life not in AUDITED)


class ResolutionSchedules:
    """What may be said of every step that can be parked."""

    def __init__(self, calls: Calls, *, tells_lives: bool, recovers: bool) -> None:
        self._calls = calls
        self._recording = calls.recording
        self._binding = calls.binding
        self._completed = calls.completed
        self._tells_lives = tells_lives and bool(calls.recording.notes)
        self._recovers = recovers

    def all(self, triggers: Triggers, path: ExecutionPath) -> Iterator[Schedule]:
        """Forward, and undone for each of the triggers; at once and in later lives for one."""
        lives = LATER if path is ExecutionPath.REGULAR and self._recovers else RESETS
        if not self._tells_lives:  # a life ends when what is parked is put on record
            lives = ()
        yield from self._plan_forward(lives)
        yield from self._plan_undoing(triggers, lives)
        yield from self._plan_early(triggers)

    def _plan_forward(self, lives: Sequence[Life]) -> Iterator[Schedule]:
        for point in self._binding:
            pivot = self._calls.step(point).kind is StepKind.PIVOT
            kinds = (Kind.FAILS_ONLY_RETRY,) if pivot else (*ALONE, *AT_ONCE)
            yield from schedules_at(point, kinds, self._completed)
            for later in _in_each(lives, point, kinds if pivot else None):
                undone = pivot and later.faults[0].life in AUDITED
                yield replace(later, expects=self._completed | (CANCELLED if undone else set()))

    def _plan_undoing(self, triggers: Triggers, lives: Sequence[Life]) -> Iterator[Schedule]:
        turn = cycle(triggers)
        for point in self._recording.undoing:
            asked = self._calls.step(point).kind is StepKind.PIVOT
            for trigger, status in triggers:
                for single in schedules_at(point, QUESTIONED if asked else ALONE, status):
                    yield replace(single, trigger=trigger)
            for single in schedules_at(point, () if asked else AT_ONCE, frozenset()):
                trigger, status = next(turn)
                yield replace(single, trigger=trigger, expects=status)
            for later in _in_each(lives, point, QUESTIONED if asked else None):
                trigger, status = next(turn)
                expects = status | REJECTED | CANCELLED
                yield replace(later, trigger=trigger, expects=expects)

    def _plan_early(self, triggers: Triggers) -> Iterator[Schedule]:
        for point in self._recording.forward:
            yield from schedules_at(point, (*EARLY,), self._completed)
        for trigger, status in triggers[:1]:
            for point in self._recording.undoing:
                for single in schedules_at(point, (*EARLY,), status):
                    yield replace(single, trigger=trigger)


def _in_each(
    lives: Sequence[Life], point: InjectionPoint, kinds: Sequence[Kind] | None
) -> Iterator[Schedule]:
    """These kinds, or those that settle something, in each of these lives."""
    for life in lives:
        settling = IN_RESETS if life in RESETS and len(lives) == len(LATER) else IN_LIVES
        for kind in settling if kinds is None else kinds:
            yield Schedule((Fault(point, kind, life=life),))
