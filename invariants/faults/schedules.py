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
from invariants.faults.kinds import Kind
from saga.verify.faults import AT_THE_END, Fault, Path, Schedule, Site
from saga.verify.groups import EVIDENCE
from saga.verify.kinds import Kind as OfAll
from saga.verify.recording import CANCELLED, REJECTED, Calls, Triggers, at

KINDS = {SERVICES[service]: kind for kind, service in SET_BACK.items()}  # by task queue
NOTHING: frozenset[str] = frozenset()
CHARGES, REFUNDS = {"payment.charge"}, {"payment.refund", "payment.give_back"}


class Others:
    """Every single fault that is not of the saga's own making."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._recording = calls.recording
        self._before = calls.before
        self._refusable = calls.refusable
        self._completed = calls.completed
        self._ends = calls.completed | CANCELLED

    def all(self, triggers: Triggers, path: Path) -> Iterator[Schedule]:
        """Forward; and for the first trigger, undone."""
        parts = [
            *(self._foreign, self._audited, self._provider, self._hostile),
            *(self._refunded_forward, self._second_lives),
        ]
        yield from chain.from_iterable(part() for part in parts)
        forward = self._recording.forward
        yield from set_backs(self._calls, forward, forward, path)
        if path is Path.REGULAR:
            for site in self._recording.forward:
                yield from at(site, (*RESULTS, Kind.PAUSED), self._completed)
        for trigger in triggers[:1]:
            yield from self._undone(*trigger, path)

    def _foreign(self) -> Iterator[Schedule]:
        for site in self._recording.forward:
            yield from at(site, FOREIGN, self._completed)
        yield from at(AT_THE_END, AGAIN, self._completed)

    def _audited(self) -> Iterator[Schedule]:
        for site in self._recording.forward:
            looks = [kind for kind in BESIDE if kind is not Kind.AUDIT_CANCEL]
            yield from at(site, looks, self._completed)
            binding = site not in self._before
            stands = self._completed if binding else CANCELLED
            undone = (Kind.AUDIT_CANCEL, Kind.AUDIT_ENDED, Kind.AUDIT_TWICE)
            yield from at(site, undone, stands)
            yield from at(site, (Kind.AUDIT_RESET,), self._completed)

    def _provider(self) -> Iterator[Schedule]:
        for site in self._recording.forward:
            if site.activity in CHARGES:
                yield from at(site, (*CREATE, *CONFIRM), self._completed)
            if site.activity in REFUNDS:
                yield from at(site, (*REFUND,), self._completed)
                yield from at(AT_THE_END, (Kind.REFUND_FAILS,), NOTHING)

    def _hostile(self) -> Iterator[Schedule]:
        for site in self._recording.forward:
            yield from at(site, (*UPDATES, *SIGNALS), self._ends)
        yield from at(self._recording.forward[-1], (*EVIDENCE,), self._completed)

    def _refunded_forward(self) -> Iterator[Schedule]:
        charged = [n for n, call in enumerate(self._recording.forward) if call.activity in CHARGES]
        for site in self._recording.forward[charged[0] if charged else 0 :]:
            yield from at(site, BY_HAND, NOTHING)

    def _second_lives(self) -> Iterator[Schedule]:
        """The fence is parked in the second life; or a read is refused there."""
        fence = self._recording.undoing[0]
        for site in self._recording.forward:
            expects = CANCELLED if site in self._before else self._completed
            for kind in (OfAll.ENDED_QUESTION, OfAll.ENDED_QUESTION_DOWN):
                yield Schedule((Fault(site, kind, fence),), expects=expects)
        for read in self._refusable:
            for site in self._recording.forward[self._recording.forward.index(read) + 1 :]:
                expects = REJECTED if site in self._before else self._completed
                fault = Fault(site, OfAll.ENDED_REFUSED, read)
                yield Schedule((fault,), expects=expects)

    def _undone(self, trigger: Fault, status: frozenset[str], path: Path) -> Iterator[Schedule]:
        undoing = self._recording.undoing
        calls = [*self._before, *undoing]
        singles: list[Schedule] = [*at(AT_THE_END, AGAIN, status)]
        for site in undoing:
            singles += at(site, (*FOREIGN, Kind.AUDIT_BEFORE, Kind.AUDIT_AFTER), status)
            singles += at(site, AUDITS, status | REJECTED | CANCELLED)
            singles += at(site, (*UPDATES, *SIGNALS), status)
            singles += at(
                site, BY_HAND if CHARGES & {call.activity for call in calls} else (), NOTHING
            )
            if site.activity in REFUNDS:
                singles += at(site, (*REFUND,), status)
                singles += at(AT_THE_END, (Kind.REFUND_FAILS,), NOTHING)
            if site is not undoing[0]:
                singles += at(site, (*EVIDENCE,), status)
            if path is Path.REGULAR:
                singles += at(site, (*RESULTS, Kind.PAUSED), status)
        singles += set_backs(self._calls, calls, undoing, path)
        for single in singles:
            yield replace(single, trigger=trigger)


def set_backs(
    calls: Calls, made: Sequence[Site], strike: Sequence[Site], path: Path
) -> Iterator[Schedule]:
    """Each database, back to before each call that may have changed it, from each later call.

    `made`: the calls, in order; it strikes at `strike`. On the fast path all of them are within one
    task, so from the end.
    """
    for number, then in enumerate(made):
        kind = KINDS[Queue(calls.step(then).queue)]
        later = [site for site in made[number:] if site in strike]
        for site in (*(later if path is Path.REGULAR else ()), AT_THE_END):
            yield Schedule((Fault(site, kind, then),), expects=NOTHING)
