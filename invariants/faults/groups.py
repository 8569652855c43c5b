"""Kinds of faults of orders that belong together, and what each of them needs to strike."""

from enum import StrEnum

from contracts.names import SERVICES
from invariants.faults.kinds import Kind, set_back_kind
from saga.verify.groups import HALF, HUGE, NUL

UPDATES: dict[StrEnum, str] = {
    Kind.NUL_UPDATE: NUL,
    Kind.SURROGATE_UPDATE: HALF,
    Kind.HUGE_UPDATE: HUGE,
}
SIGNALS: dict[StrEnum, str] = {
    Kind.NUL_SIGNAL: NUL,
    Kind.SURROGATE_SIGNAL: HALF,
    Kind.HUGE_SIGNAL: HUGE,
}
# By the names that the sandbox has for them.
FAULTS = {
    "STORED": "stored_500",
    "DONE": "done_500",
    "500": "plain_500",
    "RATE": "rate_limit",
    "LOCK": "lock_timeout",
    "KEY": "key_in_use",
}
FOREIGN = (
    *(Kind.FOREIGN_BEFORE, Kind.FOREIGN_AFTER, Kind.FOREIGN_CANCELLED),
    *(Kind.FOREIGN_ORDER, Kind.FOREIGN_TYPE),
)
AGAIN = (Kind.AGAIN, Kind.AGAIN_CANCELLED, Kind.AGAIN_OTHER)
BESIDE = (Kind.AUDIT_BEFORE, Kind.AUDIT_AFTER, Kind.AUDIT_CANCEL)
AUDITS = (Kind.AUDIT_ENDED, Kind.AUDIT_TWICE, Kind.AUDIT_RESET)
SET_BACK: dict[StrEnum, str] = {set_back_kind(service): service for service in SERVICES}
CREATE, CONFIRM, REFUND = (
    {Kind[f"{operation}_{name}"]: kind for name, kind in FAULTS.items()}
    for operation in ("CREATE", "CONFIRM", "REFUND")
)
PROVIDER: dict[StrEnum, tuple[str, str]] = {
    **{kind: ("create", fault) for kind, fault in CREATE.items()},
    **{kind: ("confirm", fault) for kind, fault in CONFIRM.items()},
    **{kind: ("refund", fault) for kind, fault in REFUND.items()},
}
BY_HAND = (Kind.HAND_REFUND, Kind.HAND_PART)
RESULTS = (Kind.NULL_RESULT, Kind.GARBAGE_RESULT)
# What nobody here can know of, or mend: an audit has to name it, or mend it.
AUDITED_AFTER = {*SET_BACK, *BY_HAND, *RESULTS, Kind.REFUND_FAILS}
UNFORESEEN = {*AUDITED_AFTER, *AGAIN}
