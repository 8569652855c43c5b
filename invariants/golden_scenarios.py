"""The stories that are recorded of each release, so that the next one is held to them.

A story is a schedule of the verifier: what goes wrong in a run, and how it must end. So a recording
is of a run whose promises were checked.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from contracts.workflow_io import PLACING, RETURNING
from saga.verify.faults import Fault, Mode, Schedule, Site
from saga.verify.injection.workflow_reset import FIRST
from saga.verify.kinds import Kind

CREATE = Site("create_order", "order.create")
VALIDATE = Site("validate_user", "user.validate")
RESERVE = Site("reserve_inventory", "inventory.reserve")
CHARGE = Site("charge_payment", "payment.charge")
CONFIRM = Site("confirm_order", "order.confirm")
COMMIT = Site("commit_inventory", "inventory.commit")
FENCE = Site("confirm_order", "order.fence_confirm")
REFUND = Site("charge_payment", "payment.refund")
RELEASE = Site("reserve_inventory", "inventory.release")
CLOSE = Site("create_order", "order.close")

BEGIN_RETURN = Site("begin_return", "order.begin_return")
GIVE_BACK = Site("refund_payment", "payment.give_back")
RESTOCK = Site("restock", "inventory.restock")
MARK_RETURNED = Site("mark_returned", "order.complete_return")
ABANDON = Site("begin_return", "order.abandon_return")

START = Site("workflow", FIRST)
EVERY_TASK = Site("workflow", "every task")

DOWN = "pm_sandbox_down"  # its provider does not answer
PLACE, RETURN, AUDIT = PLACING.name, RETURNING.name, "AuditOrders"
BY_CUSTOMER = Fault(CHARGE, Kind.CUSTOMER_AFTER)
BY_TEMPORAL = Fault(CHARGE, Kind.CANCEL_AFTER)
REFUSED_AT_PIVOT = Fault(CONFIRM, Kind.REJECTED)


@dataclass(frozen=True)
class Story:
    """One saga and what happens to it. `name` is a file's name, and says it in few words.

    `method` is the payment method, if another than the usual one. `open_at` cuts the recording
    before the first Update of this name: the saga is still open there. `audited`: the order's saga
    is terminated and then carried on by an audit, instead of what a schedule says. `fast` and
    `remote` are how the order is placed, and where the services are.
    """

    name: str
    saga: str
    schedule: Schedule
    method: str = ""
    open_at: str = ""
    audited: bool = False
    fast: bool = False
    remote: bool = False

    @property
    def file(self) -> str:
        """Without its suffix."""
        path = "fast" if self.fast else "queues"
        return f"{self.saga}-{self.name}-{path}{'-services' if self.remote else ''}"

    @property
    def ending(self) -> str:
        """The status that it ends with; `blocked` if it is recorded while it is open."""
        return "blocked" if self.open_at else next(iter(self.schedule.expects))

    @property
    def told(self) -> str:
        """What happens in it, for the manifest."""
        if self.audited:
            return "terminated while it is charged, and carried on by an audit"
        paid = f"; paid by {self.method}" if self.method else ""
        still = "; recorded before it is resolved" if self.open_at else ""
        return self.schedule.name + paid + still


def _story(name: str, ending: str, *faults: Fault, saga: str = PLACE, **options: object) -> Story:
    named = {key: options.pop(key) for key in ("trigger", "mode") if key in options}
    schedule = Schedule(faults, expects=frozenset({ending}))
    return replace(Story(name, saga, replace(schedule, **named)), **options)  # type: ignore[arg-type]


def _placed() -> Iterator[Story]:
    yield _story("confirmed", "confirmed")
    yield _story("confirmed-after-a-retry", "confirmed", Fault(RESERVE, Kind.FAILS_ONCE))
    yield _story("confirmed-after-a-lost-reply", "confirmed", Fault(CHARGE, Kind.REPLY_LOST))
    yield _story("confirmed-though-all-workers-were-lost", "confirmed", _LOST, mode=Mode.LOST)
    yield _story("pivot-down-for-an-hour", "confirmed", Fault(CONFIRM, Kind.FAILS_AN_HOUR))


_LOST = Fault(EVERY_TASK, Kind.WORKER_LOST)


def _refused() -> Iterator[Story]:
    yield _story("rejected-account-closed", "rejected", Fault(VALIDATE, Kind.REFUSED))
    yield _story("rejected-out-of-stock", "rejected", Fault(RESERVE, Kind.REFUSED))
    for name, method in (
        ("declined", "pm_card_visa_chargeDeclined"),
        ("insufficient-funds", "pm_card_visa_chargeDeclinedInsufficientFunds"),
        ("expired-card", "pm_card_chargeDeclinedExpiredCard"),
        ("unknown-method", "pm_unknown"),
    ):
        yield _story(f"rejected-{name}", "rejected", method=method)
    yield _story("rejected-at-the-pivot", "rejected", REFUSED_AT_PIVOT)
    yield _story("timed-out-no-stock-service", "timed_out", Fault(RESERVE, Kind.FAILS_FOR_EVER))
    yield _story("timed-out-charge-unknown", "timed_out", Fault(CHARGE, Kind.REPLIES_LOST))
    deadline = Fault(CHARGE, Kind.DEADLINE)
    yield _story("timed-out-by-its-deadline", "timed_out", deadline, mode=Mode.HASTY)


def _cancelled() -> Iterator[Story]:
    for step, site in (
        ("create", CREATE),
        ("validate", VALIDATE),
        ("reserve", RESERVE),
        ("charge", CHARGE),
    ):
        for who, before, after in (
            ("customer", Kind.CUSTOMER_BEFORE, Kind.CUSTOMER_AFTER),
            ("temporal", Kind.CANCEL_BEFORE, Kind.CANCEL_AFTER),
        ):
            yield _story(f"cancelled-by-{who}-before-{step}", "cancelled", Fault(site, before))
            yield _story(f"cancelled-by-{who}-after-{step}", "cancelled", Fault(site, after))
    yield _story("cancelled-by-both", "cancelled", Fault(CHARGE, Kind.BOTH_BEFORE))
    late = Fault(CONFIRM, Kind.CUSTOMER_AFTER)
    yield _story("cancel-of-the-customer-too-late", "confirmed", late)
    yield _story("cancel-of-temporal-too-late", "confirmed", Fault(COMMIT, Kind.CANCEL_BEFORE))
    for step, site in (("fence", FENCE), ("refund", REFUND), ("release", RELEASE)):
        yield _story(
            f"cancelled-by-temporal-while-undoing-{step}",
            "rejected",
            Fault(site, Kind.CANCEL_AFTER),
            trigger=REFUSED_AT_PIVOT,
        )
    again = Fault(REFUND, Kind.CANCEL_BEFORE)
    yield _story("cancelled-again-while-undoing", "cancelled", again, trigger=BY_CUSTOMER)


def _blocked() -> Iterator[Story]:
    for step, site in (("refund", REFUND), ("release", RELEASE), ("close", CLOSE)):
        for word, kind in (
            ("retry", Kind.REJECTED),
            ("skip", Kind.SKIPPED),
            ("mark-done", Kind.MARKED_DONE),
        ):
            name = f"blocked-{step}-resolved-by-{word}"
            yield _story(name, "rejected", Fault(site, kind), trigger=REFUSED_AT_PIVOT)
    for word, kind in (("retry", Kind.REJECTED), ("skip", Kind.SKIPPED)):
        yield _story(f"blocked-commit-resolved-by-{word}", "confirmed", Fault(COMMIT, kind))
    hour = Fault(REFUND, Kind.FAILS_AN_HOUR)
    yield _story("refund-down-for-an-hour", "cancelled", hour, trigger=BY_TEMPORAL)
    refund, commit = Fault(REFUND, Kind.REJECTED), Fault(COMMIT, Kind.REJECTED)
    open_at = "resolve"
    still = _story("blocked-refund", "cancelled", refund, trigger=BY_CUSTOMER, open_at=open_at)
    yield still
    yield _story("blocked-commit", "confirmed", commit, open_at=open_at)


def _reset() -> Iterator[Story]:
    again = Fault(START, Kind.RESET)
    yield _story("reset-confirmed", "confirmed", again)
    yield _story("reset-rejected", "rejected", again, trigger=REFUSED_AT_PIVOT)
    yield _story("reset-cancelled-by-customer", "cancelled", again, trigger=BY_CUSTOMER)
    yield _story("reset-cancelled-by-temporal", "cancelled", again, trigger=BY_TEMPORAL)
    yield _story("reset-was-blocked", "confirmed", again, trigger=Fault(COMMIT, Kind.REJECTED))


def _returned() -> Iterator[Story]:
    customer, temporal = Kind.CUSTOMER_BEFORE, Kind.CANCEL_AFTER
    abandoned = Fault(ABANDON, Kind.REJECTED)
    for name, ending, fault in (
        ("returned-after-a-retry", "returned", Fault(GIVE_BACK, Kind.FAILS_ONCE)),
        ("cancelled-by-customer", "cancelled", Fault(BEGIN_RETURN, customer)),
        ("cancelled-by-temporal", "cancelled", Fault(BEGIN_RETURN, temporal)),
        ("cancel-too-late", "returned", Fault(RESTOCK, temporal)),
        ("refund-refused", "rejected", Fault(GIVE_BACK, Kind.REJECTED)),
        ("timed-out", "timed_out", Fault(BEGIN_RETURN, Kind.FAILS_FOR_EVER)),
        ("refund-down-for-an-hour", "returned", Fault(GIVE_BACK, Kind.FAILS_AN_HOUR)),
        ("blocked-restock-resolved-by-retry", "returned", Fault(RESTOCK, Kind.REJECTED)),
        ("blocked-restock-resolved-by-mark-done", "returned", Fault(RESTOCK, Kind.MARKED_DONE)),
        ("blocked-marking-resolved-by-retry", "returned", Fault(MARK_RETURNED, Kind.REJECTED)),
        ("reset", "returned", Fault(START, Kind.RESET)),
    ):
        yield _story(name, ending, fault, saga=RETURN)
    yield _story("returned", "returned", saga=RETURN)
    refused = Fault(GIVE_BACK, Kind.REJECTED)
    blocked = _story("blocked-abandoning", "rejected", abandoned, trigger=refused, saga=RETURN)
    yield blocked
    undoing = Fault(ABANDON, Kind.CANCEL_BEFORE)
    yield _story("cancelled-while-undoing", "rejected", undoing, trigger=refused, saga=RETURN)


def _audited() -> Iterator[Story]:
    yield _story("repaired", "cancelled", method=DOWN, audited=True)
    yield _story("repairs", "repaired", method=DOWN, audited=True, saga=AUDIT)


# What is recorded with the services over HTTP too: one of each ending.
OVER_HTTP = {
    *("confirmed", "confirmed-after-a-lost-reply", "rejected-out-of-stock", "rejected-declined"),
    *("cancelled-by-customer-after-charge", "cancelled-by-temporal-before-reserve"),
    *("cancelled-by-temporal-while-undoing-refund", "timed-out-no-stock-service"),
    *("blocked-refund-resolved-by-retry", "blocked-refund", "reset-confirmed"),
    *("returned", "refund-refused"),
}


def stories() -> list[Story]:
    """All, each on the fast path and by the queues, some with the services over HTTP."""
    told = [
        *(*_placed(), *_refused(), *_cancelled(), *_blocked(), *_reset()),
        *(*_returned(), *_audited()),
    ]
    both = [replace(line, fast=fast) for line in told for fast in (True, False) if _can(line, fast)]
    return [
        *both,
        *(replace(scenario, remote=True) for scenario in both if scenario.name in OVER_HTTP),
    ]


def _can(story: Story, fast: bool) -> bool:
    """Whether there is such a run.

    The verifier loses a task at its first decision; on the fast path that would be every task. An
    audit has no fast path, and what it carries on always takes it.
    """
    if story.audited:
        return fast == (story.saga != AUDIT)
    return not (fast and story.schedule.mode is Mode.LOST)
