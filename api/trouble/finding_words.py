"""What an audit found, in words, and the command that helps."""

from datetime import datetime

from api.temporal.troubles import Kind, Trouble
from contracts.ledgers import Discrepancy, WhyKept
from contracts.orphans import Orphan, Why
from contracts.orphans import Remedy as OfSaga

PAGE = "see docs/runbooks/ledger.md"
MONEY = {
    WhyKept.STRAY: "the provider has {amount} by {intent}, which does not pay for its order",
    WhyKept.UNRECORDED: "the provider has {amount} by {intent}, and its order is on no record",
    WhyKept.CLOSED: "the provider has {amount} of an order that ended without it",
    WhyKept.REFUND_FAILED: "{amount} was given back, and the refund failed later: the provider has "
    "it again",
    WhyKept.UNADOPTED: "the provider has {amount} for a confirmed order, and the payment service "
    "has lost the payment",
    WhyKept.CONTRADICTED: "its order is confirmed and paid, and its payment is on record as not "
    "captured",
    WhyKept.MISSING: "its order is confirmed, and {amount} of its price is not at the provider",
}
PUT_RIGHT = f"have it put right: saga audit {{order}}; if that leaves it, {PAGE}"
GIVE_BACK = (
    "have it given back: saga audit {order}; if the provider refuses that, pay the customer in "
    f"another way, and say so: saga settle {{order}} --evidence …; {PAGE}"
)
WAYS_OUT = {
    WhyKept.CLOSED: GIVE_BACK,
    WhyKept.REFUND_FAILED: GIVE_BACK,
    WhyKept.STRAY: f"refund {{intent}} at the provider if it is owed to nobody; {PAGE}",
    WhyKept.UNRECORDED: f"refund {{intent}} at the provider if it is owed to nobody; {PAGE}",
    WhyKept.CONTRADICTED: f"look at saga explain {{order}}; {PAGE}",
    WhyKept.MISSING: "if it is to stay so, as a goodwill, say so: saga settle {order} --kept "
    "--evidence …; if it was paid by other means, the same without --kept; else have the rest of "
    f"the order returned: saga order return {{order}}; {PAGE}",
}
SAGAS = {
    Why.MISSING: "nothing carries it on: Temporal has no workflow of it",
    Why.ENDED: "its workflow has ended, and the services do not have all that it did",
    Why.UNREADABLE: "what is recorded of it cannot be read",
    Why.FOREIGN: "it is no saga of an order",
    Why.CONTRADICTED: "what is on record of it contradicts itself",
}
CARRY_ON = "have it carried on: saga audit {order}; see docs/runbooks/terminated.md"


def explain_money(found: Discrepancy, since: datetime, doubt: str) -> Trouble:
    """Money that is where it should not be, or is not where it should be."""
    words = {
        "amount": found.amount.format(),
        "intent": found.intent_id,
        "order": found.order_id,
    }
    way_out = WAYS_OUT.get(found.why, PUT_RIGHT)
    said = _add_doubt(MONEY[found.why].format(**words), doubt)
    return Trouble(kind=Kind.DISCREPANCY, why=said, way_out=way_out.format(**words), since=since)


def explain_orphan(found: Orphan, since: datetime, doubt: str) -> Trouble:
    """A saga that has not done, or not undone, all that its order's status says."""
    said = _add_doubt(SAGAS.get(found.why, f"its workflow is {found.why}"), doubt)
    can_be_mended = found.remedy is not OfSaga.REPORT
    way_out = CARRY_ON.format(order=found.order_id) if can_be_mended else found.way_out
    return Trouble(kind=Kind.DISCREPANCY, why=said, way_out=way_out, since=since)


def _add_doubt(said: str, doubt: str) -> str:
    """An audit has found it; whether it is so still, somebody has to say who does not answer."""
    return (
        f"an audit found that {said}; whether it still is so is not known: {doubt}"
        if doubt
        else said
    )
