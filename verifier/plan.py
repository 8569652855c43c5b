"""Which schedules there are: from the step table and what a recording run called."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

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
PARKED = (Kind.FAILS_AN_HOUR, Kind.FAILS_FOR_EVER, Kind.REPLIES_LOST)
RESOLVED = (Kind.REJECTED, Kind.MARKED_DONE, Kind.SKIPPED)

EVERY_TASK = Site("workflow", "every task")

# How long each takes that waits for a real time-out, about; the others take a second.
SLOW = {Kind.SLOW_BEFORE, Kind.SLOW_AFTER, Kind.OVERTAKEN, Kind.LATE_REFUSED}


@dataclass(frozen=True)
class Recording:
    """What was called, in order: by a run that completed; by one that was undone at its pivot;

    and for the record, when the last step of all was blocked for a while.
    """

    forward: Sequence[Site]
    undoing: Sequence[Site]
    notes: Sequence[Site]


class Plan:
    """All schedules of a subject."""

    def __init__(self, subject: Subject, recording: Recording) -> None:
        self._steps = {step.name: step for step in subject.steps}
        self._completed = frozenset({subject.completed})
        self._refusals = subject.refusals
        self._recording = recording
        kinds = [self._steps[site.step].kind for site in recording.forward]
        pivot = kinds.index(StepKind.PIVOT) if StepKind.PIVOT in kinds else 0
        self._before, self._binding = recording.forward[:pivot], recording.forward[pivot:]

    def singles(self) -> list[Schedule]:
        """Every single fault at every call, in each way in which the saga may get there.

        Going forward, each once with a worker that caches and once with one that does not; undoing,
        each once for each trigger, with both kinds of worker.
        """
        forward = [*self._undoable(), *self._bound()]
        again = [replace(it, mode=Mode.EVICTED) for it in forward]
        others = (self._noted(), self._undone(), self._resets(), self._deadlines(), self._lost())
        every = [*forward, *again, *chain(*others)]
        return sorted(every, key=lambda it: it.faults[0].kind not in SLOW)  # they go first

    def combinations(self, number: int, size: int, seed: int) -> list[Schedule]:
        """So many faults at once, at different sites; the same seed gives the same."""
        dice = random.Random(f"{size} {seed}")  # noqa: S311 - no secret
        groups = [it for it in self._groups() if len({one.site for one in it.faults}) >= size]
        weights = [len(it.faults) for it in groups]
        chosen: dict[str, Schedule] = {}
        while len(chosen) < number:
            (group,) = dice.choices(groups, weights)
            faults = dice.sample(group.faults, size)
            if len({it.site for it in faults}) == size:
                mode = dice.choice((Mode.CACHED, Mode.EVICTED))
                schedule = Schedule(tuple(faults), group.trigger, mode)
                chosen[schedule.name] = schedule
        return list(chosen.values())

    def _groups(self) -> list[Schedule]:
        """The single faults that can go together, by what makes the saga undo itself first."""
        together: dict[Fault | None, dict[Fault, None]] = {}
        for single in self.singles():
            if single.mode in {Mode.CACHED, Mode.EVICTED} and not _is_reset(single):
                together.setdefault(single.trigger, {})[single.faults[0]] = None
        return [Schedule(tuple(faults), trigger) for trigger, faults in together.items()]

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
            if site.activity in self._refusals:
                yield from _at(site, (Kind.REFUSED,), REJECTED)
            compensated = self._steps[site.step].compensation is not None
            yield from _at(site, LATE if compensated else (Kind.LATE_END,), CANCELLED)
            yield from _at(site, CANCELS, CANCELLED)

    def _bound(self) -> Iterator[Schedule]:
        """From the pivot on: it must complete, save that the pivot may be refused."""
        for site in self._binding:
            yield from _at(site, (*MENDED, *CANCELS, *PARKED), self._completed)
            if self._steps[site.step].kind is StepKind.PIVOT:
                yield from _at(site, (Kind.REJECTED, Kind.LATE_REFUSED), REJECTED)
            else:
                yield from _at(site, RESOLVED, self._completed)

    def _noted(self) -> Iterator[Schedule]:
        """While it is put on record that the last step is blocked, and that it is so no longer."""
        trigger = Fault(self._binding[-1], Kind.REJECTED)
        for site in self._recording.notes:
            for schedule in _at(site, (*MENDED, *CANCELS, Kind.FAILS_AN_HOUR), self._completed):
                yield replace(schedule, trigger=trigger)

    def _undone(self) -> Iterator[Schedule]:
        modes = (Mode.CACHED, Mode.EVICTED, Mode.CACHED)
        for (trigger, status), mode in zip(self.triggers(), modes, strict=False):
            for site in self._recording.undoing:
                for schedule in _at(site, (*MENDED, *PARKED, *RESOLVED, *CANCELS), status):
                    yield replace(schedule, trigger=trigger, mode=mode)

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
        """Reset to each task that scheduled something, and to the last one."""
        last, first_note = Site("workflow", LAST), self._recording.notes[:1]
        for mode in (Mode.CACHED, Mode.EVICTED):
            for site in (*self._recording.forward, last):
                for schedule in _at(site, (Kind.RESET,), self._completed):
                    yield replace(schedule, mode=mode)
        for site in (*self._recording.forward, *first_note, last):
            for schedule in _at(site, (Kind.RESET,), self._completed):
                yield replace(schedule, trigger=Fault(self._binding[-1], Kind.REJECTED))
        for trigger, status in self.triggers():
            pivots = self._binding[:1] if trigger.kind is Kind.REJECTED else ()
            for site in (*self._before, *pivots, *self._recording.undoing, last):
                for schedule in _at(site, (Kind.RESET,), status):
                    yield replace(schedule, trigger=trigger)

    def _lost(self) -> Iterator[Schedule]:
        """With a worker that is lost at every task: forward, blocked, and undone in each way."""
        blocked = Fault(self._binding[-1], Kind.REJECTED)
        ways = ((None, self._completed), (blocked, self._completed), *self.triggers())
        for trigger, status in ways:
            for schedule in _at(EVERY_TASK, (Kind.WORKER_LOST,), status):
                yield replace(schedule, trigger=trigger, mode=Mode.LOST)


def _is_reset(schedule: Schedule) -> bool:
    """Whether it goes with no other: a reset is of a finished run."""
    return schedule.faults[0].kind is Kind.RESET


def _at(site: Site, kinds: Sequence[Kind], expects: frozenset[str]) -> Iterator[Schedule]:
    for kind in kinds:
        yield Schedule((Fault(site, kind),), expects=expects)
