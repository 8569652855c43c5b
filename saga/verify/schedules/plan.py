"""Which schedules there are: from the step table and what a recording run called."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, cycle

from saga import StepKind
from saga.verify.faults import ExecutionPath, Fault, InjectionPoint, Schedule, WorkerMode
from saga.verify.groups import BEFORE, BY_CUSTOMER, CANCELS, ENDED, LATE, TASK_LOST
from saga.verify.injection.run_controller import RunController
from saga.verify.kinds import Kind
from saga.verify.recording import (
    CANCELLED,
    REJECTED,
    TIMED_OUT,
    Recording,
    Triggers,
    classify_calls,
    schedules_at,
)
from saga.verify.schedules.combinations import draw_combinations
from saga.verify.schedules.reruns import RerunSchedules
from saga.verify.schedules.resets import ResetSchedules
from saga.verify.schedules.resolutions import ResolutionSchedules
from saga.verify.subject import Subject

# Whatever happens to an attempt here, its retry mends it.
MENDED = (
    *(Kind.FAILS_ONCE, Kind.REPLY_LOST, Kind.TWICE, Kind.AT_ONCE),
    *(Kind.SLOW_BEFORE, Kind.SLOW_AFTER, Kind.OVERTAKEN),
)
GIVEN_UP = (Kind.FAILS_FOR_EVER, Kind.LATE_PATIENCE)
PARKED = (Kind.FAILS_AN_HOUR, Kind.FAILS_FOR_EVER, Kind.REPLIES_LOST)
RESOLVED = (Kind.REJECTED, Kind.MARKED_DONE, Kind.SKIPPED)

EVERY_TASK = InjectionPoint("workflow", "every task")

# How long each takes that waits for a real time-out, about; the others take a second.
SLOW = {Kind.SLOW_BEFORE, Kind.SLOW_AFTER, Kind.OVERTAKEN, Kind.LATE_REFUSED}


class Plan:
    """All schedules of a subject."""

    def __init__(self, subject: Subject, recording: Recording) -> None:
        self._subject = subject
        self._recording = recording
        self._calls = calls = classify_calls(
            recording, subject.steps, refusals=subject.refusals, completed=subject.completed
        )
        self._before, self._binding, self._completed = calls.before, calls.binding, calls.completed
        self._refusals = subject.refusals
        # Without a word of an operator, what is refused past the pivot is so for ever.
        self._parked = PARKED if subject.resolves else PARKED[:1]
        self._resolved = RESOLVED if subject.resolves else ()
        self._reruns, self._resets = RerunSchedules(calls), ResetSchedules(calls)
        extension = subject.extension
        tells_lives = extension.controller.note_in is not RunController.note_in
        self._resolutions = ResolutionSchedules(
            calls, tells_lives=tells_lives, recovers=extension.recovers
        )

    def singles(self) -> list[Schedule]:
        """Every single fault at every call, in each way in which the saga may get there."""
        fast = self._plan_fast_path() if self._subject.fast_path else ()
        stretches = self._plan_stretches() if self._subject.stretch else ()
        every = [
            schedule
            for schedule in (*self._plan_regular_path(), *fast, *stretches)
            if self._is_possible(schedule)
        ]
        return sorted(every, key=lambda one: one.faults[0].kind not in SLOW)  # they go first

    def _is_possible(self, schedule: Schedule) -> bool:
        """Whether the saga knows what it needs: a deadline to shorten, a customer's cancel."""
        if schedule.mode is WorkerMode.HASTY and not self._subject.can_be_hurried:
            return False
        kinds = {fault.kind for fault in schedule.all}
        return self._subject.cancel is not None or kinds.isdisjoint(BY_CUSTOMER)

    def _plan_regular_path(self) -> Iterator[Schedule]:
        """Every activity on its queue.

        Going forward, each once with a worker that caches and once with one that does not; undoing,
        each once for each trigger, with both kinds of worker.
        """
        forward = [*self._plan_before_pivot(), *self._plan_from_pivot()]
        yield from forward
        yield from (replace(call, mode=WorkerMode.EVICTED) for call in forward)
        triggers = self.triggers()
        yield from chain(
            self._plan_notes(), self._plan_probes(), self._plan_compensations(triggers)
        )
        yield from chain(
            self._resets.plan(triggers, can_block=self.can_block), self._reruns.plan_terminations()
        )
        yield from chain(self._plan_deadlines(triggers), self._plan_worker_crashes(triggers))
        yield from self._plan_people(triggers, ExecutionPath.REGULAR)

    def _plan_people(self, triggers: Triggers, path: ExecutionPath) -> Iterator[Schedule]:
        """Operators, and whoever else the application knows of."""
        if self._subject.resolves:
            yield from self._resolutions.all(triggers, path)
        yield from self._subject.extension.schedules(self._calls, triggers, path)

    def _plan_fast_path(self) -> Iterator[Schedule]:
        """Every activity on the fast path first, and by both kinds of worker in turn.

        Undone for one trigger: what is undone on the fast path is so without another task.
        """
        triggers = self.triggers()[:1]
        forward = chain(
            self._plan_before_pivot(),
            self._plan_from_pivot(),
            self._plan_notes(),
            self._plan_probes(),
        )
        again = self._reruns.plan_terminations()
        undone = chain(self._plan_compensations(triggers), self._resets.plan_fast_path(triggers))
        lost = chain(
            self._reruns.plan_lost_tasks(triggers), self._plan_worker_crashes(self.triggers())
        )
        people = self._plan_people(triggers, ExecutionPath.FAST)
        modes = cycle((WorkerMode.CACHED, WorkerMode.EVICTED))
        for schedule in chain(forward, again, undone, lost, self._plan_deadlines(triggers), people):
            kind, mode, expects = schedule.faults[0].kind, schedule.mode, schedule.expects
            # A worker without a cache works on one task at a time, and breaks it up if it is late.
            if mode is WorkerMode.CACHED and kind not in TASK_LOST:
                mode = next(modes)
            if self._is_raced(schedule):
                expects = expects | self._completed
            # Of a task that is lost by itself, nothing is left.
            if kind in CANCELS and schedule.trigger:
                expects = expects | CANCELLED
            yield replace(schedule, mode=mode, path=ExecutionPath.FAST, expects=expects)

    def _plan_stretches(self) -> Iterator[Schedule]:
        """Inside a stretch: at each call that one may make, and what of it the saga cannot know.

        What comes after it, and what undoes it, is as without one.
        """
        paths = [ExecutionPath.QUEUED_STRETCH]
        if self._subject.fast_path:
            paths.append(ExecutionPath.STRETCH)
        modes = cycle((WorkerMode.CACHED, WorkerMode.EVICTED))
        for path in paths:
            forward = chain(
                self._plan_before_pivot(), self._plan_from_pivot(), self._plan_deadlines(())
            )
            again = chain(self._reruns.plan_terminations(), self._resets.plan_fast_path(()))
            lost = self._reruns.plan_lost_tasks(()) if path.is_fast else ()
            crashes = self._plan_worker_crashes(self.triggers())
            for single in chain(forward, again, lost, crashes):
                kinds = {fault.kind for fault in single.all}
                cached = single.mode is WorkerMode.CACHED and kinds.isdisjoint(TASK_LOST)
                mode = next(modes) if cached else single.mode
                expects = single.expects | self._may_end_in_stretch(single, path)
                yield replace(single, mode=mode, path=path, expects=expects)

    def _may_end_in_stretch(self, single: Schedule, path: ExecutionPath) -> frozenset[str]:
        """How else a saga may end. Its stretch goes on, to the pivot, where its workflow has ended,

        is lost or hears of a cancel; and a cancel that comes before the pivot's effect is in time.
        """
        kinds = {fault.kind for fault in single.all}
        hears = kinds & {*CANCELS} if not path.is_fast or single.mode is WorkerMode.LOST else set()
        goes_on = hears or kinds & {*TASK_LOST, *ENDED}
        in_time = hears & {*BEFORE} and single.faults[0].point in self._binding[:1]
        ends = self._completed if goes_on else frozenset()
        return ends | CANCELLED if in_time else ends

    def combinations(self, number: int, size: int, seed: int) -> list[Schedule]:
        """So many faults at once, at different points, if there are; a seed gives the same."""
        alone = {Kind.RESET, Kind.TASK_LOST_DOWN, *ENDED, *self._subject.extension.alone}
        return draw_combinations(self.singles(), number, size, seed, alone=alone)

    def triggers(self) -> Triggers:
        """The pivot is refused; or a cancel comes just before it, in both ways.

        Without a pivot, the last step that can be refused stands for it.
        """
        refused = self._calls.pivot
        if not self._before or refused is None:
            return []
        last = self._before[-1]
        ways = [(Fault(last, Kind.CUSTOMER_AFTER), CANCELLED)]
        return [
            (Fault(refused, Kind.REJECTED), REJECTED),
            *(ways if self._subject.cancel is not None else ()),
            (Fault(last, Kind.CANCEL_AFTER), CANCELLED),
        ]

    def _plan_before_pivot(self) -> Iterator[Schedule]:
        for point in self._before:
            yield from schedules_at(point, MENDED, self._completed)
            if self._calls.step(point).kind is StepKind.RETRIABLE:  # of a saga without a pivot
                yield from schedules_at(point, CANCELS, self._completed | CANCELLED)
                continue
            # Where the service is asked then, the saga goes on: it has landed.
            lost = self._completed if point in self.probed else TIMED_OUT
            yield from schedules_at(point, (Kind.REPLIES_LOST,), lost)
            yield from schedules_at(point, GIVEN_UP, TIMED_OUT)
            yield from schedules_at(point, (Kind.REJECTED,), REJECTED)
            if point.activity in self._refusals:
                yield from schedules_at(point, (Kind.REFUSED,), REJECTED)
            compensated = self._calls.step(point).compensation is not None
            yield from schedules_at(point, LATE if compensated else (Kind.LATE_END,), CANCELLED)
            yield from schedules_at(point, CANCELS, CANCELLED)

    @property
    def probed(self) -> list[InjectionPoint]:
        """The actions before the pivot whose service can be asked whether they landed."""
        return [point for point in self._before if self._calls.step(point).probe is not None]

    def _plan_probes(self) -> Iterator[Schedule]:
        """While a service is asked whether an action landed, every reply of which was lost."""
        for action, probe in self._recording.probes.items():
            trigger = Fault(action, Kind.REPLIES_LOST)
            for schedule in schedules_at(probe, (*MENDED, *self._parked), self._completed):
                yield replace(schedule, trigger=trigger)
            for schedule in schedules_at(probe, CANCELS, CANCELLED):
                yield replace(schedule, trigger=trigger)

    def _plan_from_pivot(self) -> Iterator[Schedule]:
        """From the pivot on: it must complete, save that the pivot may be refused."""
        for point in self._binding:
            yield from schedules_at(point, (*MENDED, *CANCELS, *self._parked), self._completed)
            if self._calls.step(point).kind is StepKind.PIVOT:
                yield from schedules_at(point, (Kind.REJECTED, Kind.LATE_REFUSED), REJECTED)
            else:
                yield from schedules_at(point, self._resolved, self._completed)

    def _plan_notes(self) -> Iterator[Schedule]:
        """While it is put on record that the last step is blocked, and that it is so no longer."""
        for point in self._recording.notes:
            trigger = Fault(self._binding[-1], Kind.REJECTED)
            for schedule in schedules_at(
                point, (*MENDED, *CANCELS, Kind.FAILS_AN_HOUR), self._completed
            ):
                yield replace(schedule, trigger=trigger)

    def _plan_compensations(self, triggers: Triggers) -> Iterator[Schedule]:
        modes = (WorkerMode.CACHED, WorkerMode.EVICTED, WorkerMode.CACHED)
        for (trigger, status), mode in zip(triggers, modes, strict=False):
            for point in self._recording.undoing:
                # A fence can only be asked again.
                asked = self._calls.step(point).kind is StepKind.PIVOT
                resolved = self._resolved[:1] if asked else self._resolved
                for schedule in schedules_at(
                    point, (*MENDED, *self._parked, *resolved, *CANCELS), status
                ):
                    yield replace(schedule, trigger=trigger, mode=mode)

    def _plan_deadlines(self, triggers: Triggers) -> Iterator[Schedule]:
        for point in self._before:
            for schedule in schedules_at(point, (Kind.DEADLINE,), TIMED_OUT):
                yield replace(schedule, mode=WorkerMode.HASTY)
        for point in self._binding:
            for schedule in schedules_at(point, (Kind.FAILS_AN_HOUR,), self._completed):
                yield replace(schedule, mode=WorkerMode.HASTY)
        for trigger, status in triggers:
            for point in self._recording.undoing:
                for schedule in schedules_at(point, (Kind.FAILS_AN_HOUR,), status):
                    yield replace(schedule, trigger=trigger, mode=WorkerMode.HASTY)

    def _plan_worker_crashes(self, triggers: Triggers) -> Iterator[Schedule]:
        """With a worker that is lost at every task: forward, blocked, and undone in each way."""
        ways: list[tuple[Fault | None, frozenset[str]]] = [(None, self._completed), *triggers]
        if self.can_block:
            ways.append((Fault(self._binding[-1], Kind.REJECTED), self._completed))
        for trigger, status in ways:
            for schedule in schedules_at(EVERY_TASK, (Kind.WORKER_LOST,), status):
                yield replace(schedule, trigger=trigger, mode=WorkerMode.LOST)

    @property
    def can_block(self) -> bool:
        """Whether its last step can be refused until an operator has it tried again."""
        return bool(self._binding) and self._subject.resolves

    def _is_raced(self, schedule: Schedule) -> bool:
        """Whether a run that was ended on the fast path goes on beside the new one, maybe to its

        end: it has not heard of its own.
        """
        return schedule.faults[0].kind in {*ENDED, *self._subject.extension.raced}
