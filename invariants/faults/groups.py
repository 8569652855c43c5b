"""Kinds of faults of orders that belong together, and what each of them needs to strike."""

from enum import StrEnum

from contracts.names import SERVICES
from invariants.faults.kinds import OrderFaultKind, set_back_kind
from saga.verify.groups import HALF, HUGE, NUL

UPDATES: dict[StrEnum, str] = {
    OrderFaultKind.NUL_UPDATE: NUL,
    OrderFaultKind.SURROGATE_UPDATE: HALF,
    OrderFaultKind.HUGE_UPDATE: HUGE,
}
SIGNALS: dict[StrEnum, str] = {
    OrderFaultKind.NUL_SIGNAL: NUL,
    OrderFaultKind.SURROGATE_SIGNAL: HALF,
    OrderFaultKind.HUGE_SIGNAL: HUGE,
}
# By the names that the sandbox has for them.
FAULTS = {
    "STORED": "stored_500",
    "DONE": "done_500",
    "FORGOTTEN": "forgotten_500",
    "500": "plain_500",
    "RATE": "rate_limit",
    "LOCK": "lock_timeout",
    "KEY": "key_in_use",
}
FOREIGN = (
    *(
        OrderFaultKind.FOREIGN_BEFORE,
        OrderFaultKind.FOREIGN_AFTER,
        OrderFaultKind.FOREIGN_CANCELLED,
    ),
    *(OrderFaultKind.FOREIGN_ORDER, OrderFaultKind.FOREIGN_TYPE),
)
AGAIN = (OrderFaultKind.AGAIN, OrderFaultKind.AGAIN_CANCELLED, OrderFaultKind.AGAIN_OTHER)
BESIDE = (OrderFaultKind.AUDIT_BEFORE, OrderFaultKind.AUDIT_AFTER, OrderFaultKind.AUDIT_CANCEL)
AUDITS = (OrderFaultKind.AUDIT_ENDED, OrderFaultKind.AUDIT_TWICE, OrderFaultKind.AUDIT_RESET)
SET_BACK: dict[StrEnum, str] = {set_back_kind(service): service for service in SERVICES}
CREATE, CONFIRM, REFUND = (
    {OrderFaultKind[f"{operation}_{name}"]: kind for name, kind in FAULTS.items()}
    for operation in ("CREATE", "CONFIRM", "REFUND")
)
CONFIRM[OrderFaultKind.CONFIRM_PROCESSING] = "processing"
PROVIDER: dict[StrEnum, tuple[str, str]] = {
    **{kind: ("create", fault) for kind, fault in CREATE.items()},
    **{kind: ("confirm", fault) for kind, fault in CONFIRM.items()},
    **{kind: ("refund", fault) for kind, fault in REFUND.items()},
}
BY_HAND = (OrderFaultKind.HAND_REFUND, OrderFaultKind.HAND_PART)
RESULTS = (OrderFaultKind.NULL_RESULT, OrderFaultKind.GARBAGE_RESULT)
# What nobody here can know of, or mend: an audit has to name it, or mend it.
AUDITED_AFTER = {*SET_BACK, *BY_HAND, *RESULTS, OrderFaultKind.REFUND_FAILS}
UNFORESEEN = {*AUDITED_AFTER, *AGAIN}
