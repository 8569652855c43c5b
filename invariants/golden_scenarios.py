"""The stories that are recorded of each release, so that the next one is held to them.

A story is a schedule of the verifier: what goes wrong in a run, and how it must end. So a recording
is of a run whose promises were checked.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from contracts.workflow_io import PLACING, RETURNING
from saga.verify.faults import Fault, InjectionPoint, Schedule, WorkerMode
from saga.verify.injection.workflow_reset import FIRST
from saga.verify.kinds import Kind

CREATE = InjectionPoint("create_order", "order.create")
VALIDATE = InjectionPoint("validate_user", "user.validate")
RESERVE = InjectionPoint("reserve_inventory", "inventory.reserve")
CHARGE = InjectionPoint("charge_payment", "payment.charge")
CONFIRM = InjectionPoint("confirm_order", "order.confirm")
COMMIT = InjectionPoint("commit_inventory", "inventory.commit")
FENCE = InjectionPoint("confirm_order", "order.fence_confirm")
REFUND = InjectionPoint("charge_payment", "payment.refund")
RELEASE = InjectionPoint("reserve_inventory", "inventory.release")
CLOSE = InjectionPoint("create_order", "order.close")

BEGIN_RETURN = InjectionPoint("begin_return", "order.begin_return")
GIVE_BACK = InjectionPoint("refund_payment", "payment.give_back")
RESTOCK = InjectionPoint("restock", "inventory.restock")
MARK_RETURNED = InjectionPoint("mark_returned", "order.complete_return")
ABANDON = InjectionPoint("begin_return", "order.abandon_return")

START = InjectionPoint("workflow", FIRST)
EVERY_TASK = InjectionPoint("workflow", "every task")

DOWN = "pm_sandbox_down"  # its provider does not answer
PLACE, RETURN, AUDIT = PLACING.name, RETURNING.name, "AuditOrders"
BY_CUSTOMER = Fault(CHARGE, Kind.CUSTOMER_AFTER)
BY_TEMPORAL = Fault(CHARGE, Kind.CANCEL_AFTER)
REFUSED_AT_PIVOT = Fault(CONFIRM, Kind.REJECTED)


@dataclass(frozen=True)
class Scenario:
    """One saga and what happens to it. `name` is a file's name, and says it in few words.

    `method` is the payment method, if another than the usual one. `open_at` cuts the recording
    before the first Update of this name: the saga is still open there. `audited`: the order's saga
    is terminated and then carried on by an audit, instead of what a schedule says. `fast`,
    `stretch` and `remote` are how the order is placed, and where the services are.
    """

    name: str
    saga: str
    schedule: Schedule
    method: str = ""
    open_at: str = ""
    audited: bool = False
    fast: bool = False
    stretch: bool = False
    remote: bool = False

    @property
    def file(self) -> str:
        """Without its suffix."""
        path = "fast" if self.fast else "queues"
        path += "-stretch" if self.stretch else ""
        return f"{self.saga}-{self.name}-{path}{'-services' if self.remote else ''}"

    @property
    def ending(self) -> str:
        """The status that it ends with; `blocked` if it is recorded while it is open."""
        return "blocked" if self.open_at else next(iter(self.schedule.expects))

    @property
    def description(self) -> str:
        """What happens in it, for the manifest."""
        if self.audited:
            return "terminated while it is charged, and carried on by an audit"
        paid = f"; paid by {self.method}" if self.method else ""
        still = "; recorded before it is resolved" if self.open_at else ""
        return self.schedule.name + paid + still


def _scenario(
    name: str, ending: str, *faults: Fault, saga: str = PLACE, **options: object
) -> Scenario:
    named = {key: options.pop(key) for key in ("trigger", "mode") if key in options}
    schedule = Schedule(faults, expects=frozenset({ending}))
    return replace(Scenario(name, saga, replace(schedule, **named)), **options)  # type: ignore[arg-type]


def _yield_confirmed_placements() -> Iterator[Scenario]:
    yield _scenario("confirmed", "confirmed")
    yield _scenario("confirmed-after-a-retry", "confirmed", Fault(RESERVE, Kind.FAILS_ONCE))
    yield _scenario("confirmed-after-a-lost-reply", "confirmed", Fault(CHARGE, Kind.REPLY_LOST))
    yield _scenario(
        "confirmed-though-all-workers-were-lost", "confirmed", _LOST, mode=WorkerMode.LOST
    )
    yield _scenario("pivot-down-for-an-hour", "confirmed", Fault(CONFIRM, Kind.FAILS_AN_HOUR))


_LOST = Fault(EVERY_TASK, Kind.WORKER_LOST)


def _yield_refused_placements() -> Iterator[Scenario]:
    yield _scenario("rejected-account-closed", "rejected", Fault(VALIDATE, Kind.REFUSED))
    yield _scenario("rejected-out-of-stock", "rejected", Fault(RESERVE, Kind.REFUSED))
    for name, method in (
        ("declined", "pm_card_visa_chargeDeclined"),
        ("insufficient-funds", "pm_card_visa_chargeDeclinedInsufficientFunds"),
        ("expired-card", "pm_card_chargeDeclinedExpiredCard"),
        ("unknown-method", "pm_unknown"),
    ):
        yield _scenario(f"rejected-{name}", "rejected", method=method)
    yield _scenario("rejected-at-the-pivot", "rejected", REFUSED_AT_PIVOT)
    yield _scenario("timed-out-no-stock-service", "timed_out", Fault(RESERVE, Kind.FAILS_FOR_EVER))
    yield _scenario("timed-out-charge-unknown", "timed_out", Fault(CHARGE, Kind.REPLIES_LOST))
    deadline = Fault(CHARGE, Kind.DEADLINE)
    yield _scenario("timed-out-by-its-deadline", "timed_out", deadline, mode=WorkerMode.HASTY)


def _yield_cancelled_placements() -> Iterator[Scenario]:
    for step, point in (
        ("create", CREATE),
        ("validate", VALIDATE),
        ("reserve", RESERVE),
        ("charge", CHARGE),
    ):
        for who, before, after in (
            ("customer", Kind.CUSTOMER_BEFORE, Kind.CUSTOMER_AFTER),
            ("temporal", Kind.CANCEL_BEFORE, Kind.CANCEL_AFTER),
        ):
            yield _scenario(f"cancelled-by-{who}-before-{step}", "cancelled", Fault(point, before))
            yield _scenario(f"cancelled-by-{who}-after-{step}", "cancelled", Fault(point, after))
    yield _scenario("cancelled-by-both", "cancelled", Fault(CHARGE, Kind.BOTH_BEFORE))
    late = Fault(CONFIRM, Kind.CUSTOMER_AFTER)
    yield _scenario("cancel-of-the-customer-too-late", "confirmed", late)
    yield _scenario("cancel-of-temporal-too-late", "confirmed", Fault(COMMIT, Kind.CANCEL_BEFORE))
    for step, point in (("fence", FENCE), ("refund", REFUND), ("release", RELEASE)):
        yield _scenario(
            f"cancelled-by-temporal-while-undoing-{step}",
            "rejected",
            Fault(point, Kind.CANCEL_AFTER),
            trigger=REFUSED_AT_PIVOT,
        )
    again = Fault(REFUND, Kind.CANCEL_BEFORE)
    yield _scenario("cancelled-again-while-undoing", "cancelled", again, trigger=BY_CUSTOMER)


def _yield_blocked_placements() -> Iterator[Scenario]:
    for step, point in (("refund", REFUND), ("release", RELEASE), ("close", CLOSE)):
        for word, kind in (
            ("retry", Kind.REJECTED),
            ("skip", Kind.SKIPPED),
            ("mark-done", Kind.MARKED_DONE),
        ):
            name = f"blocked-{step}-resolved-by-{word}"
            yield _scenario(name, "rejected", Fault(point, kind), trigger=REFUSED_AT_PIVOT)
    for word, kind in (("retry", Kind.REJECTED), ("skip", Kind.SKIPPED)):
        yield _scenario(f"blocked-commit-resolved-by-{word}", "confirmed", Fault(COMMIT, kind))
    hour = Fault(REFUND, Kind.FAILS_AN_HOUR)
    yield _scenario("refund-down-for-an-hour", "cancelled", hour, trigger=BY_TEMPORAL)
    refund, commit = Fault(REFUND, Kind.REJECTED), Fault(COMMIT, Kind.REJECTED)
    open_at = "resolve"
    still = _scenario("blocked-refund", "cancelled", refund, trigger=BY_CUSTOMER, open_at=open_at)
    yield still
    yield _scenario("blocked-commit", "confirmed", commit, open_at=open_at)


def _yield_resets() -> Iterator[Scenario]:
    again = Fault(START, Kind.RESET)
    yield _scenario("reset-confirmed", "confirmed", again)
    yield _scenario("reset-rejected", "rejected", again, trigger=REFUSED_AT_PIVOT)
    yield _scenario("reset-cancelled-by-customer", "cancelled", again, trigger=BY_CUSTOMER)
    yield _scenario("reset-cancelled-by-temporal", "cancelled", again, trigger=BY_TEMPORAL)
    yield _scenario("reset-was-blocked", "confirmed", again, trigger=Fault(COMMIT, Kind.REJECTED))


def _yield_returns() -> Iterator[Scenario]:
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
        yield _scenario(name, ending, fault, saga=RETURN)
    yield _scenario("returned", "returned", saga=RETURN)
    refused = Fault(GIVE_BACK, Kind.REJECTED)
    blocked = _scenario("blocked-abandoning", "rejected", abandoned, trigger=refused, saga=RETURN)
    yield blocked
    undoing = Fault(ABANDON, Kind.CANCEL_BEFORE)
    yield _scenario("cancelled-while-undoing", "rejected", undoing, trigger=refused, saga=RETURN)


def _yield_audits() -> Iterator[Scenario]:
    yield _scenario("repaired", "cancelled", method=DOWN, audited=True)
    yield _scenario("repairs", "repaired", method=DOWN, audited=True, saga=AUDIT)


# What is recorded with the services over HTTP too: one of each ending.
OVER_HTTP = {
    *("confirmed", "confirmed-after-a-lost-reply", "rejected-out-of-stock", "rejected-declined"),
    *("cancelled-by-customer-after-charge", "cancelled-by-temporal-before-reserve"),
    *("cancelled-by-temporal-while-undoing-refund", "timed-out-no-stock-service"),
    *("blocked-refund-resolved-by-retry", "blocked-refund", "reset-confirmed"),
    *("returned", "refund-refused"),
}


# What is recorded with steps attempted together first, too: each way to leave a stretch.
IN_STRETCHES = {
    *("confirmed", "confirmed-after-a-retry", "confirmed-after-a-lost-reply"),
    *("pivot-down-for-an-hour", "rejected-account-closed", "rejected-declined"),
    *("rejected-at-the-pivot", "timed-out-no-stock-service", "blocked-commit-resolved-by-retry"),
    *("cancelled-by-customer-before-create", "cancelled-by-customer-after-charge"),
    *("cancel-of-the-customer-too-late", "blocked-refund", "reset-confirmed"),
    *("returned", "refund-refused", "cancelled-by-customer", "timed-out"),
}


def list_scenarios() -> list[Scenario]:
    """All, each on the fast path and by the queues.

    Some with steps attempted together first, and some with the services over HTTP.
    """
    scenarios = [
        *(
            *_yield_confirmed_placements(),
            *_yield_refused_placements(),
            *_yield_cancelled_placements(),
            *_yield_blocked_placements(),
            *_yield_resets(),
        ),
        *(*_yield_returns(), *_yield_audits()),
    ]
    both = [
        replace(line, fast=fast)
        for line in scenarios
        for fast in (True, False)
        if _is_possible(line, fast)
    ]
    return [
        *both,
        *(replace(scenario, stretch=True) for scenario in both if scenario.name in IN_STRETCHES),
        *(replace(scenario, remote=True) for scenario in both if scenario.name in OVER_HTTP),
    ]


def _is_possible(scenario: Scenario, fast: bool) -> bool:
    """Whether there is such a run.

    The verifier loses a task at its first decision; on the fast path that would be every task. An
    audit has no fast path, and what it carries on always takes it.
    """
    if scenario.audited:
        return fast == (scenario.saga != AUDIT)
    return not (fast and scenario.schedule.mode is WorkerMode.LOST)
