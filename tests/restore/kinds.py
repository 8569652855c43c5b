"""Which orders there are at the moment of a disaster: of each state, and how one comes into it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from temporalio.exceptions import ApplicationError

from saga import rejection

FORWARD = (
    "order.create",
    "user.validate",
    "inventory.reserve",
    "payment.charge",
    "order.confirm",
    "inventory.commit",
)


DECLINED = "pm_card_visa_chargeDeclined"


class Fault(StrEnum):
    """What attempts of an activity come to."""

    AWAY = "away"  # nothing is done
    LOST = "lost"  # it is done, and its reply is lost
    REFUSED = "refused"  # a business "no"
    BROKEN = "broken"  # fails for good: the step is out of its time at once

    @property
    def error(self) -> Exception:
        """What is raised instead of an answer."""
        if self is Fault.REFUSED:
            return rejection("no", "refused by the drill")
        broken = self is Fault.BROKEN
        return ApplicationError(f"{self} in the drill", type="Unavailable", non_retryable=broken)


class Act(StrEnum):
    """What somebody does to the order once it stands at its last fault, or is confirmed."""

    CANCEL = "cancel"
    TERMINATE = "terminate"
    RETURN = "return"
    TERMINATE_RETURN = "terminate the return"


class When(StrEnum):
    """When the order comes to its state, seen from the moment that a database goes back to."""

    EARLY = "early"  # before it
    ACROSS = "across"  # it was placed before it, and goes on behind it
    LATE = "late"  # it was placed behind it: the restored database knows nothing of it


@dataclass(frozen=True)
class Kind:
    """A way of an order. `faults` are by activity; `status` is what it comes to, if it does."""

    name: str
    faults: Mapping[str, Fault] = field(default_factory=dict)
    act: Act | None = None
    method: str = "pm_card_visa"
    status: str | None = None

    @property
    def returns(self) -> bool:
        """Whether its faults are those of its return."""
        return self.act in {Act.RETURN, Act.TERMINATE_RETURN}

    @property
    def reach(self) -> int:
        """How many steps of the order's saga come before what makes it of this kind."""
        ends = {"payment.charge"} if self.method == DECLINED else {*self.faults}
        return next((n for n, name in enumerate(FORWARD) if name in ends), len(FORWARD) - 1)


REFUND_REFUSED = {"order.confirm": Fault.REFUSED, "payment.refund": Fault.REFUSED}
KINDS = (
    Kind("sold", status="confirmed"),
    Kind("confirmed, not yet sold", {"inventory.commit": Fault.AWAY}, status="confirmed"),
    *(Kind(f"before {item}", {item: Fault.AWAY}) for item in FORWARD[:5]),
    *(Kind(f"after {item}", {item: Fault.LOST}) for item in FORWARD),
    Kind("blocked at its refund", REFUND_REFUSED, status="blocked"),
    Kind("blocked past its pivot", {"inventory.commit": Fault.REFUSED}, status="confirmed"),
    Kind("rejected", method=DECLINED, status="rejected"),
    Kind("cancelled", {"payment.charge": Fault.LOST}, Act.CANCEL, status="cancelled"),
    Kind("timed out", {"user.validate": Fault.BROKEN}, status="timed_out"),
    Kind("terminated, charged", {"payment.charge": Fault.LOST}, Act.TERMINATE),
    Kind("terminated, confirmed", {"inventory.commit": Fault.AWAY}, Act.TERMINATE),
    Kind("returned", act=Act.RETURN, status="returned"),
    Kind("return given up", {"payment.give_back": Fault.REFUSED}, Act.RETURN, status="confirmed"),
    Kind("return not refunded yet", {"payment.give_back": Fault.AWAY}, Act.RETURN),
    Kind("return refunded", {"inventory.restock": Fault.AWAY}, Act.RETURN),
    Kind("return terminated", {"payment.give_back": Fault.LOST}, Act.TERMINATE_RETURN),
)
