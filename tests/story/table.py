"""All incidents and endings, with the order's status then, and what needs a person."""

from api.temporal.troubles import Kind
from tests.story import blocked, discrepancies, stopped
from tests.story.blocked import block, block_return, stand_in_return
from tests.story.incidents import INCIDENTS, Incident
from tests.support.gates import AFTER, BEFORE

GIVE_BACK, BEGIN_RETURN, RESTOCK = "payment.give_back", "order.begin_return", "inventory.restock"
MARK_RETURNED = "order.complete_return"
WORDS = ("retry", "mark_done", "skip")
BLOCKED = (
    *(
        Incident(f"blocked on {step}", block(step), status, person=True, kind=Kind.BLOCKED)
        for step, status in (
            ("charge_payment", "blocked"),
            ("reserve_inventory", "blocked"),
            ("create_order", "blocked"),
            ("commit_inventory", "confirmed"),
        )
    ),
    *(
        Incident(f"{word} of {step}", block(step, word), status)
        for step, status in (
            ("charge_payment", "rejected"),
            ("reserve_inventory", "rejected"),
            ("commit_inventory", "confirmed"),
        )
        for word in WORDS
    ),
    *(
        Incident(f"{word} of create_order", block("create_order", word), status)
        for word, status in (("retry", "rejected"), ("mark_done", "pending"), ("skip", "pending"))
    ),
)
RETURNS = (
    Incident("returned", blocked.give_back, "returned"),
    Incident("skip of refund_payment", blocked.keep_money, "returned"),
    Incident("return refused", blocked.refuse_return, "confirmed"),
    Incident("return before its refund", stand_in_return(GIVE_BACK), "confirmed"),
    Incident("return after its refund", stand_in_return(GIVE_BACK, AFTER), "confirmed"),
    Incident(
        "return cancelled", stand_in_return(BEGIN_RETURN, AFTER, fate="cancelled"), "confirmed"
    ),
    *(
        Incident(
            f"return terminated {moment} its refund",
            stand_in_return(GIVE_BACK, moment, fate="terminated"),
            "confirmed",
            person=True,
            kind=Kind.ENDED,
        )
        for moment in (BEFORE, AFTER)
    ),
    Incident(
        "blocked on restock",
        block_return("restock", RESTOCK),
        "confirmed",
        person=True,
        kind=Kind.BLOCKED,
    ),
    *(
        Incident(f"{word} of restock", block_return("restock", RESTOCK, word), "returned")
        for word in WORDS
    ),
    *(
        Incident(
            f"{word} of mark_returned", block_return("mark_returned", MARK_RETURNED, word), status
        )
        for word, status in (("retry", "returned"), ("mark_done", "confirmed"))
    ),
)
UNRECORDED = ("order.create", BEFORE)
BINDING = ("order.confirm", AFTER)
TERMINATED = (
    *(
        Incident(
            f"terminated {moment} {activity}",
            stopped.terminate(activity, moment),
            {UNRECORDED: "none", BINDING: "confirmed"}.get((activity, moment), "pending"),
            person=True,
            kind=Kind.ENDED,
        )
        for activity, moment in stopped.GATES
    ),
    *(
        Incident(
            f"terminated {moment} the refund that undoes it",
            stopped.terminate_undoing(moment),
            "pending",
            person=True,
            kind=Kind.ENDED,
        )
        for moment in (BEFORE, AFTER)
    ),
    Incident("terminated, and carried on by the audit", stopped.carry_on, "cancelled"),
    Incident(
        "terminated in its first task",
        stopped.terminate("payment.charge", AFTER, fast=True),
        "pending",
        person=True,
        kind=Kind.ENDED,
    ),
    Incident(
        "terminated in its first task, and reset",
        stopped.terminate("payment.charge", BEFORE, fast=True, reset=True),
        "confirmed",
    ),
)
HALTED = (
    *(
        Incident(name, make, status, person=True, kind=kind)
        for name, make, status, kind in (
            ("paused", stopped.pause, "pending", Kind.PAUSED),
            ("an activity paused", stopped.pause_activity, "pending", Kind.PAUSED_ACTIVITY),
            ("its code fails", stopped.break_code, "none", Kind.PROBLEM),
            ("its input cannot be read", stopped.garble_input, "none", Kind.UNREADABLE),
        )
    ),
    Incident(
        "the provider is down", stopped.fail_charge(stopped.AWAY), "pending", kind=Kind.RETRYING
    ),
    Incident(
        "held back by a breaker", stopped.fail_charge(stopped.OPEN), "pending", kind=Kind.HELD_BACK
    ),
    Incident("its failure cannot be read", stopped.garble_failure, "pending", kind=Kind.UNKNOWN),
    Incident(
        "a refund that failed late, paid by other means",
        discrepancies.pay_by_other_means,
        "returned",
    ),
    *(
        Incident(name, make, status, person=True, kind=Kind.DISCREPANCY)
        for name, make, status in (
            ("a part refunded by hand", discrepancies.refund_at_provider, "confirmed"),
            ("a refund that failed late", discrepancies.fail_refund_late, "returned"),
        )
    ),
)
TABLE = (*INCIDENTS, *BLOCKED, *RETURNS, *TERMINATED, *HALTED)
