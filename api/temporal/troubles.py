"""What can be wrong with a saga, and the command that helps."""

from datetime import timedelta
from enum import StrEnum

from contracts.base import Message, ToldTime
from saga.participant import Rejected

LATE = timedelta(seconds=60)  # that an open saga may take, for whoever lists or counts troubles


class Kind(StrEnum):
    """What is wrong."""

    BLOCKED = "blocked"
    PAUSED = "paused"
    PAUSED_ACTIVITY = "paused_activity"
    UNREADABLE = "undecodable_input"
    PROBLEM = "problem"
    ENDED = "ended"
    UNKNOWN = "unknown_status"
    RETRYING = "retrying"
    HELD_BACK = "held_back"
    SLOW = "slow"
    DISCREPANCY = "discrepancy"


# Of those that are carried on by themselves all the same, for as long as that may take.
GOING_ON = {Kind.RETRYING, Kind.HELD_BACK, Kind.SLOW}
# Of those whose workflow answers nobody until somebody helps.
CODES = {Kind.PAUSED: "saga_paused", Kind.UNREADABLE: "undecodable_input"}
# `{at}`: what the Temporal CLI has to be told to find the server (activities.executions.py).
WAYS_OUT = {
    Kind.BLOCKED: "fix the cause, then: {words}; see docs/runbooks/blocked.md",
    Kind.PAUSED: "let it go on: temporal workflow unpause -w {saga}{at}; see "
    "docs/runbooks/paused.md",
    Kind.PAUSED_ACTIVITY: "let it go on: temporal activity unpause -w {saga}{at} {words}; see "
    "docs/runbooks/paused.md",
    Kind.PROBLEM: "its code fails: deploy what fixes it, after saga replay {saga}; "
    "see docs/runbooks/deploy.md",
    Kind.UNKNOWN: "look at temporal workflow describe -w {saga}{at}; see docs/runbooks/paused.md",
    Kind.RETRYING: "fix what it waits for, see docs/runbooks/outage.md; {words}",
    Kind.HELD_BACK: "fix what does not answer, see docs/runbooks/outage.md; {words}",
    Kind.SLOW: "see that workers run, by docs/runbooks/workers.md; saga explain {order} says where "
    "it is",
}
# Of those that were stopped from outside, behind what becomes of them by itself.
RESET = (
    "if it was stopped by mistake, let it finish before that: temporal workflow reset "
    "-w {saga}{at} --event-id {event} --reason …; see docs/runbooks/terminated.md"
)
NEVER_BEGUN = (
    "it was stopped before it began, so Temporal has nothing to reset it to; see "
    "docs/runbooks/terminated.md"
)
NO_ORDER = (
    "somebody started it by hand; it is no order, and has done nothing. Remove it: "
    "temporal workflow delete -y -w {saga}{at}; see docs/runbooks/undecodable.md"
)
READ_IT = (
    "deploy what reads it, see docs/runbooks/deploy.md; or end it by temporal workflow terminate "
    "-w {saga}{at} --reason …, and have the order carried on from its record by saga audit "
    "{order}; see docs/runbooks/undecodable.md"
)


class Trouble(Message):
    """What is wrong with a saga, since when, and what helps, for operators.

    `audited_at`: when an audit that is due carries it on by itself; None if none does.
    """

    kind: Kind
    why: str
    way_out: str
    since: ToldTime
    audited_at: ToldTime | None = None

    @property
    def goes_on(self) -> bool:
        """Whether its saga is carried on all the same."""
        return self.kind in GOING_ON


class SagaTrouble(Message):
    """What is wrong with a saga of an order."""

    saga_id: str
    trouble: Trouble


class InTrouble(Rejected):
    """A saga's workflow answers nobody until somebody helps: waiting and asking again do not."""

    def __init__(self, saga_id: str, trouble: Trouble) -> None:
        helps = "an operator must end that first, see GET /v1/sagas?attention=true"
        super().__init__(CODES[trouble.kind], f"{trouble.why}; {helps}")
        self.saga_id = saga_id
        self.trouble = trouble
