"""Kinds of faults that belong together, and what each of them needs to strike."""

from saga import Resolving
from verifier.kinds import Kind, Life, Way

LATER = tuple(life for life in Life if life is not Life.FIRST)
PARKED = (Life.PARKED_RESET, Life.PARKED_AUDIT)
SAID = (Life.SAID_RESET, Life.SAID_AUDIT)
AUDITED = (Life.PARKED_AUDIT, Life.SAID_AUDIT, Life.TOLD_AUDIT)

T, C = Way.TEMPORAL, Way.CUSTOMER
BEFORE = {
    Kind.CANCEL_BEFORE: (T,),
    Kind.CANCEL_TWICE_BEFORE: (T, T),
    Kind.CUSTOMER_BEFORE: (C,),
    Kind.CUSTOMER_TWICE_BEFORE: (C, C),
    Kind.BOTH_BEFORE: (C, T),
}
AFTER = {
    Kind.CANCEL_AFTER: (T,),
    Kind.CANCEL_TWICE_AFTER: (T, T),
    Kind.CUSTOMER_AFTER: (C,),
    Kind.CUSTOMER_TWICE_AFTER: (C, C),
    Kind.BOTH_AFTER: (T, C),
}
CANCELS = (*BEFORE, *AFTER)
# What this run of the saga has done is known to nobody: its workflow task is lost, or an operator
# ends the run and resets it. And what comes then.
TASK_LOST: dict[Kind, Way | None] = {
    Kind.TASK_LOST: None,
    Kind.TASK_LOST_CANCEL: T,
    Kind.TASK_LOST_CUSTOMER: C,
    Kind.TASK_LOST_REFUSED: None,
    Kind.TASK_LOST_DOWN: None,
}
ENDED: dict[Kind, Way | None] = {
    Kind.ENDED: None,
    Kind.ENDED_CANCEL: T,
    Kind.ENDED_CUSTOMER: C,
    Kind.ENDED_REFUSED: None,
    Kind.ENDED_QUESTION: T,
    Kind.ENDED_QUESTION_DOWN: C,
}
LATE = (Kind.LATE_UNDOING, Kind.LATE_UNDONE, Kind.LATE_END)

NUL, HALF, HUGE = "a\x00b", "a\ud800b", "x" * 2**20
EVIDENCE = {Kind.NUL_EVIDENCE: NUL, Kind.SURROGATE_EVIDENCE: HALF, Kind.HUGE_EVIDENCE: HUGE}
UPDATES = {Kind.NUL_UPDATE: NUL, Kind.SURROGATE_UPDATE: HALF, Kind.HUGE_UPDATE: HUGE}
SIGNALS = {Kind.NUL_SIGNAL: NUL, Kind.SURROGATE_SIGNAL: HALF, Kind.HUGE_SIGNAL: HUGE}

RETRY, DONE, SKIP = Resolving.RETRY, Resolving.MARK_DONE, Resolving.SKIP
# What operators say of a step that is parked; those of one tuple are said at once. With the last of
# them whatever is broken is mended.
WORDS: dict[Kind, tuple[tuple[Resolving, ...], ...]] = {
    **dict.fromkeys((Kind.FAILS_FOR_EVER, Kind.REJECTED, Kind.REPLIES_LOST), ((RETRY,),)),
    **dict.fromkeys((Kind.MARKED_DONE, Kind.MARKED_UNDONE, Kind.LOST_MARKED), ((DONE,),)),
    **dict.fromkeys((Kind.SKIPPED, Kind.SKIPPED_UNDONE, Kind.FAILS_SKIPPED), ((SKIP,),)),
    **dict.fromkeys((Kind.ONLY_RETRY, Kind.FAILS_ONLY_RETRY), ((DONE,), (SKIP,), (RETRY,))),
    Kind.RETRIED_IN_VAIN: ((RETRY,), (DONE,)),
    Kind.TWO_RETRIES: ((RETRY, RETRY),),
    Kind.RETRY_AND_DONE: ((RETRY, DONE),),
    Kind.DONE_AND_RETRY: ((DONE, RETRY),),
    Kind.DONE_AND_SKIP: ((DONE, SKIP),),
    Kind.SKIP_AND_DONE: ((SKIP, DONE),),
    Kind.TWO_DONE: ((DONE, DONE),),
    Kind.SAID_AGAIN: ((DONE,),),
    **dict.fromkeys(EVIDENCE, ((DONE,), (RETRY,))),
}
# Nobody does by hand what operators say is done, or need not be.
UNDONE = {Kind.MARKED_UNDONE, Kind.SKIPPED_UNDONE, Kind.FAILS_SKIPPED, Kind.RETRIED_IN_VAIN}
EARLY = {Kind.RETRIED_EARLY: RETRY, Kind.SKIPPED_EARLY: SKIP, Kind.MARKED_EARLY: DONE}

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
SET_BACK = {
    Kind.USER_SET_BACK: "user",
    Kind.ORDER_SET_BACK: "order",
    Kind.INVENTORY_SET_BACK: "inventory",
    Kind.PAYMENT_SET_BACK: "payment",
}
CREATE, CONFIRM, REFUND = (
    {Kind[f"{operation}_{name}"]: kind for name, kind in FAULTS.items()}
    for operation in ("CREATE", "CONFIRM", "REFUND")
)
PROVIDER = {
    **{kind: ("create", fault) for kind, fault in CREATE.items()},
    **{kind: ("confirm", fault) for kind, fault in CONFIRM.items()},
    **{kind: ("refund", fault) for kind, fault in REFUND.items()},
}
BY_HAND = (Kind.HAND_REFUND, Kind.HAND_PART)
RESULTS = (Kind.NULL_RESULT, Kind.GARBAGE_RESULT)
# What nobody here can know of, or mend: an audit has to name it, or mend it.
AUDITED_AFTER = {*SET_BACK, *BY_HAND, *RESULTS, Kind.REFUND_FAILS}
UNFORESEEN = {*AUDITED_AFTER, *AGAIN}
