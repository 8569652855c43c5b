"""Schedules in which a saga runs again beside what it has done before, unknown to its history."""

from collections.abc import Iterator
from dataclasses import replace

from saga.verify.faults import Fault, InjectionPoint, Schedule, WorkerMode
from saga.verify.kinds import Kind
from saga.verify.recording import CANCELLED, REJECTED, TIMED_OUT, Calls, Triggers, schedules_at

LOST = (Kind.TASK_LOST, Kind.TASK_LOST_CANCEL, Kind.TASK_LOST_CUSTOMER)


class RerunSchedules:
    """Every place at which a saga may have to begin anew."""

    def __init__(self, calls: Calls) -> None:
        self._recording = calls.recording
        self._before = calls.before
        self._refusable = calls.refusable
        self._completed = calls.completed
        self._undone_again = calls.undone_again

    def plan_lost_tasks(self, triggers: Triggers) -> Iterator[Schedule]:
        """The task of the fast path is lost after a call's effect, and then something comes."""
        for point in self._recording.forward:
            yield from schedules_at(point, LOST[:1], self._completed)
            yield from schedules_at(point, LOST[1:], self._unless_binding(point, CANCELLED))
        for trigger, status in triggers:
            for point in self._recording.undoing:
                for schedule in schedules_at(point, LOST, status | CANCELLED | self._undone_again):
                    yield replace(schedule, trigger=trigger)
        yield from self._plan_outages()
        yield from self._plan_refusals()

    def _plan_outages(self) -> Iterator[Schedule]:
        """… until the patience of the step is out, or the deadline has passed."""
        for point in self._recording.forward:
            for down in schedules_at(
                point, (Kind.TASK_LOST_DOWN,), self._unless_binding(point, TIMED_OUT)
            ):
                yield down
                yield replace(down, mode=WorkerMode.HASTY)

    def _plan_refusals(self) -> Iterator[Schedule]:
        for number, point in enumerate(self._before):
            for read in self._before[:number]:
                if read in self._refusable:
                    fault = Fault(point, Kind.TASK_LOST_REFUSED, read)
                    yield Schedule((fault,), expects=REJECTED)

    def plan_terminations(self) -> Iterator[Schedule]:
        """Terminated after a call's effect, reset, and cancelled at once or at an earlier call."""
        for number, point in enumerate(self._recording.forward):
            yield from schedules_at(point, (Kind.ENDED,), self._completed)
            expects = self._unless_binding(point, CANCELLED)
            for kind in (Kind.ENDED_CANCEL, Kind.ENDED_CUSTOMER):
                for then in (None, *self._recording.forward[: number + 1]):
                    yield Schedule((Fault(point, kind, then),), expects=expects)

    def _unless_binding(self, point: InjectionPoint, status: frozenset[str]) -> frozenset[str]:
        """The status, unless what has landed there is binding."""
        return status if point in self._before else self._completed
