"""What the demo tells: orders, what happens to each on its way, and how it must end."""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any


class Meddling(Enum):
    """What somebody does to an order in flight, while its charge is on its way."""

    CANCEL = auto()
    KILL_WORKER = auto()


@dataclass
class Story:
    """One order. `order` and `saga` are what the API said last."""

    title: str
    expected: str
    reason: str | None = None
    method: str = "pm_card_visa"
    customer: str = "active"
    product: str = "plenty"
    quantity: int = 2
    meddling: Meddling | None = None
    order: dict[str, Any] = field(default_factory=dict)
    saga: dict[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def status(self) -> str:
        """The order's status, as far as it is known."""
        return str(self.order.get("status", "not placed"))

    @property
    def code(self) -> str | None:
        """Why it did not end as asked."""
        return (self.order.get("reason") or {}).get("code")

    @property
    def over(self) -> bool:
        """Whether nothing more will happen: it has ended, and its saga too."""
        ended = self.saga.get("state") in {"completed", "compensated"}
        return self.status not in {"not placed", "pending"} and ended

    @property
    def as_expected(self) -> bool:
        """Whether it ended as it should, and what was to be done to it was done."""
        ended_well = self.status == self.expected and self.reason == self.code
        return ended_well and self.meddling is None

    def step(self, name: str) -> str:
        """The state of a step, as far as the saga has told."""
        steps = self.saga.get("steps", ())
        return next((step["state"] for step in steps if step["name"] == name), "pending")

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        told = {"story": self.title, "expected": self.expected, "as_expected": self.as_expected}
        return told | {"order": self.order, "note": self.note}


def in_flight() -> list[Story]:
    """Five orders that are placed together."""
    declined = "pm_card_visa_chargeDeclinedInsufficientFunds"
    return [
        Story("all is well", "confirmed"),
        Story("card declined", "rejected", "insufficient_funds", method=declined),
        Story("out of stock", "rejected", "out_of_stock", product="scarce"),
        Story("inactive user", "rejected", "user_inactive", customer="inactive"),
        Story(
            "cancelled in flight",
            "cancelled",
            "cancelled_by_operator",
            method="pm_sandbox_slow",
            meddling=Meddling.CANCEL,
        ),
    ]


def tell_worker_killed() -> Story:
    """One that loses who works on it between the charge and the confirmation."""
    title, kill = "worker killed with -9", Meddling.KILL_WORKER
    return Story(title, "confirmed", method="pm_sandbox_slow", meddling=kill)
