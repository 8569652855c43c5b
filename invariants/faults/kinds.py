"""What else can go wrong with a saga of orders: others who meet it, restores, the provider."""

from enum import StrEnum

from contracts.names import SERVICES


class OrderFaultKind(StrEnum):
    """What happens beside the saga while an attempt is there, or when all is over."""

    # Others who start the same, or look at it.
    FOREIGN_BEFORE = "the same is started under another id before"
    FOREIGN_AFTER = "the same is started under another id after"
    FOREIGN_CANCELLED = "the same is started under another id and cancelled"
    FOREIGN_ORDER = "the same is started under another order's id"
    FOREIGN_TYPE = "the same is started under the other saga's id"
    AGAIN = "started again after its end"
    AGAIN_CANCELLED = "started again after its end and cancelled"
    AGAIN_OTHER = "another is started under its id after its end"
    AUDIT_BEFORE = "an audit looks before"
    AUDIT_AFTER = "an audit looks after"
    AUDIT_CANCEL = "an audit looks while the customer cancels"
    AUDIT_ENDED = "terminated and audited"
    AUDIT_TWICE = "terminated and audited by two"
    AUDIT_RESET = "terminated, and reset while an audit looks"
    # The payment provider, and who has its dashboard.
    CREATE_STORED = "creating its intent is a 500 that is kept"
    CREATE_DONE = "creating its intent is done, and a 500 that is kept"
    CREATE_FORGOTTEN = "creating its intent is done, a 500, and its key is forgotten"
    CREATE_500 = "creating its intent is a 500"
    CREATE_RATE = "creating its intent is limited"
    CREATE_LOCK = "creating its intent waits for a lock in vain"
    CREATE_KEY = "creating its intent finds its key in use"
    CONFIRM_STORED = "confirming its intent is a 500 that is kept"
    CONFIRM_DONE = "confirming its intent is done, and a 500 that is kept"
    CONFIRM_FORGOTTEN = "confirming its intent is done, a 500, and its key is forgotten"
    CONFIRM_PROCESSING = "confirming its intent takes its time"
    CONFIRM_500 = "confirming its intent is a 500"
    CONFIRM_RATE = "confirming its intent is limited"
    CONFIRM_LOCK = "confirming its intent waits for a lock in vain"
    CONFIRM_KEY = "confirming its intent finds its key in use"
    REFUND_STORED = "its refund is a 500 that is kept"
    REFUND_DONE = "its refund is done, and a 500 that is kept"
    REFUND_FORGOTTEN = "its refund is done, a 500, and its key is forgotten"
    REFUND_500 = "its refund is a 500"
    REFUND_RATE = "its refund is limited"
    REFUND_LOCK = "its refund waits for a lock in vain"
    REFUND_KEY = "its refund finds its key in use"
    REFUND_FAILS = "its refund fails later"
    HAND_REFUND = "is refunded by hand after"
    HAND_PART = "is refunded in part by hand after"
    # Texts that no database can keep, and results that no activity has given.
    NUL_UPDATE = "a cancel with a NUL in its reason"
    SURROGATE_UPDATE = "a cancel with half a character in its reason"
    HUGE_UPDATE = "a cancel with a megabyte of reason"
    NUL_SIGNAL = "a signal to cancel with a NUL in its reason"
    SURROGATE_SIGNAL = "a signal to cancel with half a character in its reason"
    HUGE_SIGNAL = "a signal to cancel with a megabyte of reason"
    NULL_RESULT = "is completed by hand with null"
    GARBAGE_RESULT = "is completed by hand with garbage"
    PAUSED = "the workflow is paused and goes on"


# The database of a service is as it was at an earlier moment.
SetBack = StrEnum(  # type: ignore[misc]  # its members are the services
    "SetBack",
    {name.upper(): f"the {name} database is set back to before" for name in SERVICES},
)


def set_back_kind(service: str) -> StrEnum:
    """The kind of fault that sets back the database of this service."""
    return SetBack[service.upper()]
