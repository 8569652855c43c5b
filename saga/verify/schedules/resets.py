"""Schedules in which a saga that has ended is reset to an earlier task, and goes on there."""

from collections.abc import Iterator
from dataclasses import replace

from saga.verify.faults import Fault, InjectionPoint, Schedule, WorkerMode
from saga.verify.injection.workflow_reset import LAST
from saga.verify.kinds import Kind
from saga.verify.recording import Calls, Triggers, schedules_at


class ResetSchedules:
    """Every task that a saga may be reset to."""

    def __init__(self, calls: Calls) -> None:
        self._recording = calls.recording
        self._before, self._binding = calls.before, calls.binding
        self._completed = calls.completed
        self._undone_again = calls.undone_again

    def plan(self, triggers: Triggers, *, can_block: bool) -> Iterator[Schedule]:
        """Reset to each task that scheduled something, and to the last one."""
        last, first_note = InjectionPoint("workflow", LAST), self._recording.notes[:1]
        for mode in (WorkerMode.CACHED, WorkerMode.EVICTED):
            for point in (*self._recording.forward, last):
                for schedule in schedules_at(point, (Kind.RESET,), self._completed):
                    yield replace(schedule, mode=mode)
        for point in (*self._recording.forward, *first_note, last) if can_block else ():
            for schedule in schedules_at(point, (Kind.RESET,), self._completed):
                yield replace(schedule, trigger=Fault(self._binding[-1], Kind.REJECTED))
        for trigger, status in triggers:
            pivots = self._binding[:1] if trigger.kind is Kind.REJECTED else ()
            ends = status | self._undone_again
            for point in (*self._before, *pivots, *self._recording.undoing, last):
                for schedule in schedules_at(point, (Kind.RESET,), ends):
                    yield replace(schedule, trigger=trigger)

    def plan_fast_path(self, triggers: Triggers) -> Iterator[Schedule]:
        """Where nothing fails there is one task; its calls are in it."""
        yield from schedules_at(self._recording.forward[-1], (Kind.RESET,), self._completed)
        for trigger, status in triggers:
            ends = status | self._undone_again
            for schedule in schedules_at(self._recording.undoing[-1], (Kind.RESET,), ends):
                yield replace(schedule, trigger=trigger)
