"""Which schedules there are: from the step table and what a recording run called."""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, cycle

from saga import StepKind
from saga.verify.faults import Fault, Mode, Path, Schedule, Site
from saga.verify.groups import BY_CUSTOMER, CANCELS, ENDED, LATE, TASK_LOST
from saga.verify.injection.stage import Stage
from saga.verify.injection.workflow_reset import LAST
from saga.verify.kinds import Kind, Life
from saga.verify.recording import CANCELLED, REJECTED, TIMED_OUT, Calls, Recording, Triggers, at
from saga.verify.schedules.reruns import SecondLives
from saga.verify.schedules.resolutions import Words
from saga.verify.subject import Subject

# Whatever happens to an attempt here, its retry mends it.
MENDED = (
    *(Kind.FAILS_ONCE, Kind.REPLY_LOST, Kind.TWICE, Kind.AT_ONCE),
    *(Kind.SLOW_BEFORE, Kind.SLOW_AFTER, Kind.OVERTAKEN),
)
GIVEN_UP = (Kind.FAILS_FOR_EVER, Kind.LATE_PATIENCE)
PARKED = (Kind.FAILS_AN_HOUR, Kind.FAILS_FOR_EVER, Kind.REPLIES_LOST)
RESOLVED = (Kind.REJECTED, Kind.MARKED_DONE, Kind.SKIPPED)

DRAWS = 1000

EVERY_TASK = Site("workflow", "every task")

# How long each takes that waits for a real time-out, about; the others take a second.
SLOW = {Kind.SLOW_BEFORE, Kind.SLOW_AFTER, Kind.OVERTAKEN, Kind.LATE_REFUSED}


class Plan:
    """All schedules of a subject."""

    def __init__(self, subject: Subject, recording: Recording) -> None:
        self._subject = subject
        self._recording = recording
        self._calls = calls = _told_apart(subject, recording)
        self._before, self._binding, self._completed = calls.before, calls.binding, calls.completed
        self._refusals = subject.refusals
        # Without a word of an operator, what is refused past the pivot is so for ever.
        self._parked = PARKED if subject.resolves else PARKED[:1]
        self._resolved = RESOLVED if subject.resolves else ()
        self._again = SecondLives(calls)
        extension = subject.extension
        tells_lives = extension.stage.note_in is not Stage.note_in
        self._words = Words(calls, tells_lives=tells_lives, recovers=extension.recovers)

    def singles(self) -> list[Schedule]:
        """Every single fault at every call, in each way in which the saga may get there."""
        fast = self._fast() if self._subject.fast_path else ()
        every = [schedule for schedule in (*self._regular(), *fast) if self._is_possible(schedule)]
        return sorted(every, key=lambda it: it.faults[0].kind not in SLOW)  # they go first

    def _is_possible(self, schedule: Schedule) -> bool:
        """Whether the saga knows what it needs: a deadline to shorten, a customer's cancel."""
        if schedule.mode is Mode.HASTY and not self._subject.can_be_hurried:
            return False
        kinds = {fault.kind for fault in schedule.all}
        return self._subject.cancel is not None or kinds.isdisjoint(BY_CUSTOMER)

    def _regular(self) -> Iterator[Schedule]:
        """Every activity on its queue.

        Going forward, each once with a worker that caches and once with one that does not; undoing,
        each once for each trigger, with both kinds of worker.
        """
        forward = [*self._undoable(), *self._bound()]
        yield from forward
        yield from (replace(call, mode=Mode.EVICTED) for call in forward)
        triggers = self.triggers()
        yield from chain(self._noted(), self._asked(), self._undone(triggers))
        yield from chain(self._resets(), self._again.ended())
        yield from chain(self._deadlines(triggers), self._every_task_lost(triggers))
        yield from self._people(triggers, Path.REGULAR)

    def _people(self, triggers: Triggers, path: Path) -> Iterator[Schedule]:
        """Operators, and whoever else the application knows of."""
        if self._subject.resolves:
            yield from self._words.all(triggers, path)
        yield from self._subject.extension.schedules(self._calls, triggers, path)

    def _fast(self) -> Iterator[Schedule]:
        """Every activity on the fast path first, and by both kinds of worker in turn.

        Undone for one trigger: what is undone on the fast path is so without another task.
        """
        triggers = self.triggers()[:1]
        forward = chain(self._undoable(), self._bound(), self._noted(), self._asked())
        again = self._again.ended()
        undone = chain(self._undone(triggers), self._fast_resets(triggers))
        lost = chain(self._again.task_lost(triggers), self._every_task_lost(self.triggers()))
        people = self._people(triggers, Path.FAST)
        modes = cycle((Mode.CACHED, Mode.EVICTED))
        for person in chain(forward, again, undone, lost, self._deadlines(triggers), people):
            kind = person.faults[0].kind
            # A worker without a cache works on one task at a time, and breaks it up if it is late.
            mode = (
                next(modes) if person.mode is Mode.CACHED and kind not in TASK_LOST else person.mode
            )
            expects = person.expects | self._completed if self._is_raced(person) else person.expects
            if (
                kind in CANCELS and person.trigger
            ):  # of a task that is lost by itself, nothing is left
                expects = expects | CANCELLED
            yield replace(person, mode=mode, path=Path.FAST, expects=expects)

    def combinations(self, number: int, size: int, seed: int) -> list[Schedule]:
        """So many faults at once, at different sites, if there are; a seed gives the same."""
        dice = random.Random(f"{size} {seed}")  # noqa: S311 - no secret
        groups = [item for item in self._groups() if len({one.site for one in item.faults}) >= size]
        weights = [len(item.faults) for item in groups]
        chosen: dict[str, Schedule] = {}
        in_vain = 0  # draws since the last that was new: there may be fewer than are asked for
        while groups and len(chosen) < number and in_vain < DRAWS:
            in_vain += 1
            (group,) = dice.choices(groups, weights)
            faults = dice.sample(group.faults, size)
            if len({fault.site for fault in faults}) == size:
                mode = dice.choice((Mode.CACHED, Mode.EVICTED))
                schedule = Schedule(tuple(faults), group.trigger, mode, group.path)
                in_vain = in_vain if schedule.name in chosen else 0
                chosen[schedule.name] = schedule
        return list(chosen.values())

    def _groups(self) -> list[Schedule]:
        """The single faults that can go together, by path and by what has the saga undo itself."""
        together: dict[tuple[Fault | None, Path], dict[Fault, None]] = {}
        for single in self.singles():
            if single.mode in {Mode.CACHED, Mode.EVICTED} and not self._is_alone(single.faults[0]):
                key = single.trigger, single.path
                together.setdefault(key, {})[single.faults[0]] = None
        return [
            Schedule(tuple(group), trigger, path=path)
            for (trigger, path), group in together.items()
        ]

    def triggers(self) -> Triggers:
        """The pivot is refused; or a cancel comes just before it, in both ways.

        Without a pivot, the last step that can be refused stands for it.
        """
        refused = pivot_of(self._calls)
        if not self._before or refused is None:
            return []
        last = self._before[-1]
        ways = [(Fault(last, Kind.CUSTOMER_AFTER), CANCELLED)]
        return [
            (Fault(refused, Kind.REJECTED), REJECTED),
            *(ways if self._subject.cancel is not None else ()),
            (Fault(last, Kind.CANCEL_AFTER), CANCELLED),
        ]

    def _undoable(self) -> Iterator[Schedule]:
        for site in self._before:
            yield from at(site, MENDED, self._completed)
            if self._calls.step(site).kind is StepKind.RETRIABLE:  # of a saga without a pivot
                yield from at(site, CANCELS, self._completed | CANCELLED)
                continue
            # Where the service is asked then, the saga goes on: it has landed.
            lost = self._completed if site in self.probed else TIMED_OUT
            yield from at(site, (Kind.REPLIES_LOST,), lost)
            yield from at(site, GIVEN_UP, TIMED_OUT)
            yield from at(site, (Kind.REJECTED,), REJECTED)
            if site.activity in self._refusals:
                yield from at(site, (Kind.REFUSED,), REJECTED)
            compensated = self._calls.step(site).compensation is not None
            yield from at(site, LATE if compensated else (Kind.LATE_END,), CANCELLED)
            yield from at(site, CANCELS, CANCELLED)

    @property
    def probed(self) -> list[Site]:
        """The actions before the pivot whose service can be asked whether they landed."""
        return [site for site in self._before if self._calls.step(site).probe is not None]

    def _asked(self) -> Iterator[Schedule]:
        """While a service is asked whether an action landed, every reply of which was lost."""
        for action, probe in self._recording.probes.items():
            trigger = Fault(action, Kind.REPLIES_LOST)
            for schedule in at(probe, (*MENDED, *self._parked), self._completed):
                yield replace(schedule, trigger=trigger)
            for schedule in at(probe, CANCELS, CANCELLED):
                yield replace(schedule, trigger=trigger)

    def _bound(self) -> Iterator[Schedule]:
        """From the pivot on: it must complete, save that the pivot may be refused."""
        for site in self._binding:
            yield from at(site, (*MENDED, *CANCELS, *self._parked), self._completed)
            if self._calls.step(site).kind is StepKind.PIVOT:
                yield from at(site, (Kind.REJECTED, Kind.LATE_REFUSED), REJECTED)
            else:
                yield from at(site, self._resolved, self._completed)

    def _noted(self) -> Iterator[Schedule]:
        """While it is put on record that the last step is blocked, and that it is so no longer."""
        for site in self._recording.notes:
            trigger = Fault(self._binding[-1], Kind.REJECTED)
            for schedule in at(site, (*MENDED, *CANCELS, Kind.FAILS_AN_HOUR), self._completed):
                yield replace(schedule, trigger=trigger)

    def _undone(self, triggers: Triggers) -> Iterator[Schedule]:
        modes = (Mode.CACHED, Mode.EVICTED, Mode.CACHED)
        for (trigger, status), mode in zip(triggers, modes, strict=False):
            for site in self._recording.undoing:
                # A fence can only be asked again.
                asked = self._calls.step(site).kind is StepKind.PIVOT
                resolved = self._resolved[:1] if asked else self._resolved
                for schedule in at(site, (*MENDED, *self._parked, *resolved, *CANCELS), status):
                    yield replace(schedule, trigger=trigger, mode=mode)

    def _deadlines(self, triggers: Triggers) -> Iterator[Schedule]:
        for site in self._before:
            for schedule in at(site, (Kind.DEADLINE,), TIMED_OUT):
                yield replace(schedule, mode=Mode.HASTY)
        for site in self._binding:
            for schedule in at(site, (Kind.FAILS_AN_HOUR,), self._completed):
                yield replace(schedule, mode=Mode.HASTY)
        for trigger, status in triggers:
            for site in self._recording.undoing:
                for schedule in at(site, (Kind.FAILS_AN_HOUR,), status):
                    yield replace(schedule, trigger=trigger, mode=Mode.HASTY)

    def _resets(self) -> Iterator[Schedule]:
        """Reset to each task that scheduled something, and to the last one."""
        last, first_note = Site("workflow", LAST), self._recording.notes[:1]
        for mode in (Mode.CACHED, Mode.EVICTED):
            for site in (*self._recording.forward, last):
                for schedule in at(site, (Kind.RESET,), self._completed):
                    yield replace(schedule, mode=mode)
        for site in (*self._recording.forward, *first_note, last) if self.can_block else ():
            for schedule in at(site, (Kind.RESET,), self._completed):
                yield replace(schedule, trigger=Fault(self._binding[-1], Kind.REJECTED))
        for trigger, status in self.triggers():
            pivots = self._binding[:1] if trigger.kind is Kind.REJECTED else ()
            ends = status | self._calls.undone_again
            for site in (*self._before, *pivots, *self._recording.undoing, last):
                for schedule in at(site, (Kind.RESET,), ends):
                    yield replace(schedule, trigger=trigger)

    def _fast_resets(self, triggers: Triggers) -> Iterator[Schedule]:
        """Where nothing fails there is one task; its calls are in it."""
        yield from at(self._recording.forward[-1], (Kind.RESET,), self._completed)
        for trigger, status in triggers:
            ends = status | self._calls.undone_again
            for schedule in at(self._recording.undoing[-1], (Kind.RESET,), ends):
                yield replace(schedule, trigger=trigger)

    def _every_task_lost(self, triggers: Triggers) -> Iterator[Schedule]:
        """With a worker that is lost at every task: forward, blocked, and undone in each way."""
        ways: list[tuple[Fault | None, frozenset[str]]] = [(None, self._completed), *triggers]
        if self.can_block:
            ways.append((Fault(self._binding[-1], Kind.REJECTED), self._completed))
        for trigger, status in ways:
            for schedule in at(EVERY_TASK, (Kind.WORKER_LOST,), status):
                yield replace(schedule, trigger=trigger, mode=Mode.LOST)

    @property
    def can_block(self) -> bool:
        """Whether its last step can be refused until an operator has it tried again."""
        return bool(self._binding) and self._subject.resolves

    def _is_alone(self, fault: Fault) -> bool:
        """Whether it goes with no other: it takes several runs of the workflow, or two sites."""
        several = fault.then is not None or fault.life is not Life.FIRST
        alone = {Kind.RESET, Kind.TASK_LOST_DOWN, *ENDED, *self._subject.extension.alone}
        return several or fault.kind in alone

    def _is_raced(self, schedule: Schedule) -> bool:
        """Whether a run that was ended on the fast path goes on beside the new one, maybe to its

        end: it has not heard of its own.
        """
        return schedule.faults[0].kind in {*ENDED, *self._subject.extension.raced}


def _told_apart(subject: Subject, recording: Recording) -> Calls:
    steps = {step.name: step for step in subject.steps}
    kinds = [steps[site.step.partition("#")[0]].kind for site in recording.forward]
    pivot = kinds.index(StepKind.PIVOT) if StepKind.PIVOT in kinds else len(kinds)
    before, binding = recording.forward[:pivot], recording.forward[pivot:]
    reads = {site for site, kind in zip(before, kinds, strict=False) if kind is StepKind.READ}
    refusable = {site for site in reads if site.activity in subject.refusals}
    completed = frozenset({subject.completed})
    return Calls(recording, before, binding, refusable, completed, steps)


def pivot_of(calls: Calls) -> Site | None:
    """The pivot; without one, the last call that its service can refuse, if there is any."""
    if calls.binding:
        return calls.binding[0]
    kinds = {StepKind.READ, StepKind.COMPENSATABLE}
    return next((call for call in reversed(calls.before) if calls.step(call).kind in kinds), None)
