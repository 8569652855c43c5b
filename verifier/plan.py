"""Which schedules there are: from the step table and what a recording run called."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from saga import Kind as StepKind
from verifier.faults import CANCELS, LATE, Fault, Kind, Mode, Schedule, Site
from verifier.resets import LAST
from verifier.subject import Subject

REJECTED, TIMED_OUT, CANCELLED = (frozenset({it}) for it in ("rejected", "timed_out", "cancelled"))

# Whatever happens to an attempt here, its retry mends it.
MENDED = (
    *(Kind.FAILS_ONCE, Kind.REPLY_LOST, Kind.TWICE, Kind.AT_ONCE),
    *(Kind.SLOW_BEFORE, Kind.SLOW_AFTER, Kind.OVERTAKEN),
)
GIVEN_UP = (Kind.FAILS_FOR_EVER, Kind.REPLIES_LOST, Kind.LATE_PATIENCE)
PARKED = (Kind.FAILS_AN_HOUR, Kind.FAILS_FOR_EVER, Kind.REPLIES_LOST, Kind.REJECTED)


@dataclass(frozen=True)
class Recording:
    """What was called, in order: by a run that completed, and when one was undone at its pivot."""

    forward: Sequence[Site]
    undoing: Sequence[Site]


class Plan:
    """All schedules of a subject."""

    def __init__(self, subject: Subject, recording: Recording) -> None:
        self._steps = {step.name: step for step in subject.steps}
        self._completed = frozenset({subject.completed})
        self._recording = recording
        kinds = [self._steps[site.step].kind for site in recording.forward]
        pivot = kinds.index(StepKind.PIVOT) if StepKind.PIVOT in kinds else 0
        self._before, self._binding = recording.forward[:pivot], recording.forward[pivot:]

    def singles(self) -> list[Schedule]:
        """Every single fault, each with a worker that caches and with one that does not."""
        cached = [*self._undoable(), *self._bound(), *self._undone(), *self._resets()]
        evicted = [replace(it, mode=Mode.EVICTED) for it in cached]
        return [*cached, *evicted, *self._deadlines()]

    def pairs(self, number: int, seed: int) -> list[Schedule]:
        """Two faults at once, at different sites; the same seed gives the same."""
        dice = random.Random(seed)  # noqa: S311 - no secret
        singles = [it for it in self.singles() if not _alone(it)]
        chosen: dict[str, Schedule] = {}
        while len(chosen) < number:
            one, other = dice.choice(singles), dice.choice(singles)
            if one.mode is other.mode and one.trigger == other.trigger and _apart(one, other):
                both = Schedule((*one.faults, *other.faults), one.trigger, one.mode)
                chosen[both.name] = both
        return list(chosen.values())

    def triggers(self) -> list[tuple[Fault, frozenset[str]]]:
        """What makes the saga undo all its steps, and the status that it then has."""
        if not self._before:
            return []
        pivot, last = self._binding[0], self._before[-1]
        return [
            (Fault(pivot, Kind.REJECTED), REJECTED),
            (Fault(last, Kind.CUSTOMER_AFTER), CANCELLED),
            (Fault(last, Kind.CANCEL_AFTER), CANCELLED),
        ]

    def _undoable(self) -> Iterator[Schedule]:
        for site in self._before:
            yield from _at(site, MENDED, self._completed)
            yield from _at(site, GIVEN_UP, TIMED_OUT)
            yield from _at(site, (Kind.REJECTED,), REJECTED)
            compensated = self._steps[site.step].compensation is not None
            yield from _at(site, LATE if compensated else (Kind.LATE_END,), CANCELLED)
            yield from _at(site, CANCELS, CANCELLED)

    def _bound(self) -> Iterator[Schedule]:
        """From the pivot on: it must complete, save that the pivot may be refused."""
        for site in self._binding:
            yield from _at(site, (*MENDED, *CANCELS, Kind.FAILS_AN_HOUR), self._completed)
            if self._steps[site.step].kind is StepKind.PIVOT:
                yield from _at(site, (Kind.REJECTED,), REJECTED)
            else:
                yield from _at(site, PARKED[1:], self._completed)

    def _undone(self) -> Iterator[Schedule]:
        for trigger, status in self.triggers():
            for site in self._recording.undoing:
                kinds = (*MENDED, *PARKED, *CANCELS)
                for schedule in _at(site, kinds, status):
                    yield replace(schedule, trigger=trigger)

    def _deadlines(self) -> Iterator[Schedule]:
        for site in self._before:
            for schedule in _at(site, (Kind.DEADLINE,), TIMED_OUT):
                yield replace(schedule, mode=Mode.HASTY)
        for site in self._binding:
            for schedule in _at(site, (Kind.FAILS_AN_HOUR,), self._completed):
                yield replace(schedule, mode=Mode.HASTY)
        for trigger, status in self.triggers():
            for site in self._recording.undoing:
                for schedule in _at(site, (Kind.FAILS_AN_HOUR,), status):
                    yield replace(schedule, trigger=trigger, mode=Mode.HASTY)

    def _resets(self) -> Iterator[Schedule]:
        last = Site("workflow", LAST)
        for site in (*self._recording.forward, last):
            yield from _at(site, (Kind.RESET,), self._completed)
        for trigger, status in self.triggers():
            pivots = self._binding[:1] if trigger.kind is Kind.REJECTED else ()
            for site in (*self._before, *pivots, *self._recording.undoing, last):
                for schedule in _at(site, (Kind.RESET,), status):
                    yield replace(schedule, trigger=trigger)


def _at(site: Site, kinds: Sequence[Kind], expects: frozenset[str]) -> Iterator[Schedule]:
    for kind in kinds:
        yield Schedule((Fault(site, kind),), expects=expects)


def _alone(schedule: Schedule) -> bool:
    """Whether it goes with no other: a reset is of a finished run."""
    return any(fault.kind is Kind.RESET for fault in schedule.faults)


def _apart(one: Schedule, other: Schedule) -> bool:
    return one.faults[0].site != other.faults[0].site
