"""Kinds of faults that belong together, and what each of them needs to strike."""

from enum import StrEnum

from saga import Resolving
from saga.verify.kinds import CancelSource, Kind, Life

LATER = tuple(life for life in Life if life is not Life.FIRST)
PARKED = (Life.PARKED_RESET, Life.PARKED_AUDIT)
SAID = (Life.SAID_RESET, Life.SAID_AUDIT)
AUDITED = (Life.PARKED_AUDIT, Life.SAID_AUDIT, Life.TOLD_AUDIT)

T, C = CancelSource.TEMPORAL, CancelSource.CUSTOMER
BEFORE: dict[StrEnum, tuple[CancelSource, ...]] = {
    Kind.CANCEL_BEFORE: (T,),
    Kind.CANCEL_TWICE_BEFORE: (T, T),
    Kind.CUSTOMER_BEFORE: (C,),
    Kind.CUSTOMER_TWICE_BEFORE: (C, C),
    Kind.BOTH_BEFORE: (C, T),
}
AFTER: dict[StrEnum, tuple[CancelSource, ...]] = {
    Kind.CANCEL_AFTER: (T,),
    Kind.CANCEL_TWICE_AFTER: (T, T),
    Kind.CUSTOMER_AFTER: (C,),
    Kind.CUSTOMER_TWICE_AFTER: (C, C),
    Kind.BOTH_AFTER: (T, C),
}
CANCELS = (*BEFORE, *AFTER)
# What this run of the saga has done is known to nobody: its workflow task is lost, or an operator
# ends the run and resets it. And what comes then.
TASK_LOST: dict[StrEnum, CancelSource | None] = {
    Kind.TASK_LOST: None,
    Kind.TASK_LOST_CANCEL: T,
    Kind.TASK_LOST_CUSTOMER: C,
    Kind.TASK_LOST_REFUSED: None,
    Kind.TASK_LOST_DOWN: None,
}
ENDED: dict[StrEnum, CancelSource | None] = {
    Kind.ENDED: None,
    Kind.ENDED_CANCEL: T,
    Kind.ENDED_CUSTOMER: C,
    Kind.ENDED_REFUSED: None,
    Kind.ENDED_QUESTION: T,
    Kind.ENDED_QUESTION_DOWN: C,
}
# What takes a customer who cancels.
BY_CUSTOMER = {
    *(kind for kind, sources in {**BEFORE, **AFTER}.items() if C in sources),
    *(kind for kind, source in {**TASK_LOST, **ENDED}.items() if source is C),
}
LATE = (Kind.LATE_UNDOING, Kind.LATE_UNDONE, Kind.LATE_END)

NUL, HALF, HUGE = "a\x00b", "a\ud800b", "x" * 2**20
EVIDENCE: dict[StrEnum, str] = {
    Kind.NUL_EVIDENCE: NUL,
    Kind.SURROGATE_EVIDENCE: HALF,
    Kind.HUGE_EVIDENCE: HUGE,
}

RETRY, DONE, SKIP = Resolving.RETRY, Resolving.MARK_DONE, Resolving.SKIP
# What operators say of a step that is parked; those of one tuple are said at once. With the last of
# them whatever is broken is mended.
DECISIONS: dict[StrEnum, tuple[tuple[Resolving, ...], ...]] = {
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
EARLY: dict[StrEnum, Resolving] = {
    Kind.RETRIED_EARLY: RETRY,
    Kind.SKIPPED_EARLY: SKIP,
    Kind.MARKED_EARLY: DONE,
}
