"""Schedules in which others meet the saga: who starts it elsewhere, audits it, pays it back."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from contracts.names import SERVICES, Queue
from invariants.faults.groups import (
    AGAIN,
    AUDITS,
    BESIDE,
    BY_HAND,
    CONFIRM,
    CREATE,
    FOREIGN,
    REFUND,
    RESULTS,
    SET_BACK,
    SIGNALS,
    UPDATES,
)
from invariants.faults.kinds import OrderFaultKind
from saga.verify.faults import AT_THE_END, ExecutionPath, Fault, InjectionPoint, Schedule
from saga.verify.groups import EVIDENCE
from saga.verify.kinds import Kind
from saga.verify.recording import CANCELLED, REJECTED, Calls, Triggers, schedules_at

KINDS = {SERVICES[service]: kind for kind, service in SET_BACK.items()}  # by task queue
NOTHING: frozenset[str] = frozenset()
CHARGES, REFUNDS = {"payment.charge"}, {"payment.refund", "payment.give_back"}


class OutsiderSchedules:
    """Every single fault that is not of the saga's own making."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._recording = calls.recording
        self._before = calls.before
        self._refusable = calls.refusable
        self._completed = calls.completed
        self._ends = calls.completed | CANCELLED

    def all(self, triggers: Triggers, path: ExecutionPath) -> Iterator[Schedule]:
        """Forward; and for the first trigger, undone."""
        parts = [
            *(
                self._plan_foreign_starts,
                self._plan_audits,
                self._plan_provider_faults,
                self._plan_hostile_messages,
            ),
            *(self._plan_refunds_by_hand, self._plan_second_lives),
        ]
        yield from chain.from_iterable(part() for part in parts)
        forward = self._recording.forward
        yield from set_backs(self._calls, forward, forward, path)
        if path is ExecutionPath.REGULAR:
            for point in self._recording.forward:
                yield from schedules_at(point, (*RESULTS, OrderFaultKind.PAUSED), self._completed)
        for trigger in triggers[:1]:
            yield from self._plan_undoing(*trigger, path)

    def _plan_foreign_starts(self) -> Iterator[Schedule]:
        for point in self._recording.forward:
            yield from schedules_at(point, FOREIGN, self._completed)
        yield from schedules_at(AT_THE_END, AGAIN, self._completed)

    def _plan_audits(self) -> Iterator[Schedule]:
        for point in self._recording.forward:
            looks = [kind for kind in BESIDE if kind is not OrderFaultKind.AUDIT_CANCEL]
            yield from schedules_at(point, looks, self._completed)
            binding = point not in self._before
            stands = self._completed if binding else CANCELLED
            undone = (
                OrderFaultKind.AUDIT_CANCEL,
                OrderFaultKind.AUDIT_ENDED,
                OrderFaultKind.AUDIT_TWICE,
            )
            yield from schedules_at(point, undone, stands)
            yield from schedules_at(point, (OrderFaultKind.AUDIT_RESET,), self._completed)

    def _plan_provider_faults(self) -> Iterator[Schedule]:
        for point in self._recording.forward:
            if point.activity in CHARGES:
                yield from schedules_at(point, (*CREATE, *CONFIRM), self._completed)
            if point.activity in REFUNDS:
                yield from schedules_at(point, (*REFUND,), self._completed)
                yield from schedules_at(AT_THE_END, (OrderFaultKind.REFUND_FAILS,), NOTHING)

    def _plan_hostile_messages(self) -> Iterator[Schedule]:
        for point in self._recording.forward:
            yield from schedules_at(point, (*UPDATES, *SIGNALS), self._ends)
        yield from schedules_at(self._recording.forward[-1], (*EVIDENCE,), self._completed)

    def _plan_refunds_by_hand(self) -> Iterator[Schedule]:
        charged = [n for n, call in enumerate(self._recording.forward) if call.activity in CHARGES]
        for point in self._recording.forward[charged[0] if charged else 0 :]:
            yield from schedules_at(point, BY_HAND, NOTHING)

    def _plan_second_lives(self) -> Iterator[Schedule]:
        """The fence is parked in the second life; or a read is refused there."""
        fence = self._recording.undoing[0]
        for point in self._recording.forward:
            expects = CANCELLED if point in self._before else self._completed
            for kind in (Kind.ENDED_QUESTION, Kind.ENDED_QUESTION_DOWN):
                yield Schedule((Fault(point, kind, fence),), expects=expects)
        for read in self._refusable:
            for point in self._recording.forward[self._recording.forward.index(read) + 1 :]:
                expects = REJECTED if point in self._before else self._completed
                fault = Fault(point, Kind.ENDED_REFUSED, read)
                yield Schedule((fault,), expects=expects)

    def _plan_undoing(
        self, trigger: Fault, status: frozenset[str], path: ExecutionPath
    ) -> Iterator[Schedule]:
        undoing = self._recording.undoing
        calls = [*self._before, *undoing]
        singles: list[Schedule] = [*schedules_at(AT_THE_END, AGAIN, status)]
        for point in undoing:
            singles += schedules_at(
                point, (*FOREIGN, OrderFaultKind.AUDIT_BEFORE, OrderFaultKind.AUDIT_AFTER), status
            )
            singles += schedules_at(point, AUDITS, status | REJECTED | CANCELLED)
            singles += schedules_at(point, (*UPDATES, *SIGNALS), status)
            singles += schedules_at(
                point, BY_HAND if CHARGES & {call.activity for call in calls} else (), NOTHING
            )
            if point.activity in REFUNDS:
                singles += schedules_at(point, (*REFUND,), status)
                singles += schedules_at(AT_THE_END, (OrderFaultKind.REFUND_FAILS,), NOTHING)
            if point is not undoing[0]:
                singles += schedules_at(point, (*EVIDENCE,), status)
            if path is ExecutionPath.REGULAR:
                singles += schedules_at(point, (*RESULTS, OrderFaultKind.PAUSED), status)
        singles += set_backs(self._calls, calls, undoing, path)
        for single in singles:
            yield replace(single, trigger=trigger)


def set_backs(
    calls: Calls,
    made: Sequence[InjectionPoint],
    strike: Sequence[InjectionPoint],
    path: ExecutionPath,
) -> Iterator[Schedule]:
    """Each database, back to before each call that may have changed it, from each later call.

    `made`: the calls, in order; it strikes at `strike`. On the fast path all of them are within one
    task, so from the end.
    """
    for number, then in enumerate(made):
        kind = KINDS[Queue(calls.step(then).queue)]
        later = [point for point in made[number:] if point in strike]
        for point in (*(later if path is ExecutionPath.REGULAR else ()), AT_THE_END):
            yield Schedule((Fault(point, kind, then),), expects=NOTHING)
