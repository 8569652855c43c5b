"""What a service has on record of a saga: its barrier's rows, for operators to read."""

from datetime import datetime
from enum import StrEnum

from contracts.message import Message


class Op(StrEnum):
    """Which half of a step a record stands for."""

    ACTION = "action"
    COMPENSATION = "compensation"


class State(StrEnum):
    """What became of it; a service's barrier keeps no others.

    An action: begun, took effect, took effect and was undone, or refused because its compensation
    came first. A compensation: begun or done.
    """

    STARTED = "started"
    DONE = "done"
    COMPENSATED = "compensated"
    TOMBSTONE = "tombstone"


class StepRecord(Message):
    """One row: what a step's action or compensation came to, and when it was first tried."""

    step: str
    op: Op
    state: State
    recorded_at: datetime
