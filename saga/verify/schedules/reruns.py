"""Schedules in which a saga runs again beside what it has done before, unknown to its history."""

from collections.abc import Iterator
from dataclasses import replace

from saga.verify.faults import Fault, Mode, Schedule, Site
from saga.verify.kinds import Kind
from saga.verify.recording import CANCELLED, REJECTED, TIMED_OUT, Calls, Triggers, at

LOST = (Kind.TASK_LOST, Kind.TASK_LOST_CANCEL, Kind.TASK_LOST_CUSTOMER)


class SecondLives:
    """Every place at which a saga may have to begin anew."""

    def __init__(self, calls: Calls) -> None:
        self._recording = calls.recording
        self._before = calls.before
        self._refusable = calls.refusable
        self._completed = calls.completed
        self._undone_again = calls.undone_again

    def task_lost(self, triggers: Triggers) -> Iterator[Schedule]:
        """The task of the fast path is lost after a call's effect, and then something comes."""
        for site in self._recording.forward:
            yield from at(site, LOST[:1], self._completed)
            yield from at(site, LOST[1:], self._or_completed(site, CANCELLED))
        for trigger, status in triggers:
            for site in self._recording.undoing:
                for schedule in at(site, LOST, status | CANCELLED | self._undone_again):
                    yield replace(schedule, trigger=trigger)
        yield from self._down()
        yield from self._refused()

    def _down(self) -> Iterator[Schedule]:
        """… until the patience of the step is out, or the deadline has passed."""
        for site in self._recording.forward:
            for down in at(site, (Kind.TASK_LOST_DOWN,), self._or_completed(site, TIMED_OUT)):
                yield down
                yield replace(down, mode=Mode.HASTY)

    def _refused(self) -> Iterator[Schedule]:
        for number, site in enumerate(self._before):
            for read in self._before[:number]:
                if read in self._refusable:
                    fault = Fault(site, Kind.TASK_LOST_REFUSED, read)
                    yield Schedule((fault,), expects=REJECTED)

    def ended(self) -> Iterator[Schedule]:
        """Terminated after a call's effect, reset, and cancelled at once or at an earlier call."""
        for number, site in enumerate(self._recording.forward):
            yield from at(site, (Kind.ENDED,), self._completed)
            expects = self._or_completed(site, CANCELLED)
            for kind in (Kind.ENDED_CANCEL, Kind.ENDED_CUSTOMER):
                for then in (None, *self._recording.forward[: number + 1]):
                    yield Schedule((Fault(site, kind, then),), expects=expects)

    def _or_completed(self, site: Site, status: frozenset[str]) -> frozenset[str]:
        """The status, unless what has landed there is binding."""
        return status if site in self._before else self._completed
