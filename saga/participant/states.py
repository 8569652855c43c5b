"""What a barrier's row may say."""

from enum import StrEnum


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
