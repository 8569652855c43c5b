"""What a barrier tells of its attempts, for a service that counts."""

from collections.abc import Callable
from enum import StrEnum

from saga.participant.states import Op


class BarrierEvent(StrEnum):
    """What an attempt met: worth counting, and nothing that went wrong but the last."""

    DUPLICATE = "duplicate"  # it got the reply of the first
    LATE = "late"  # an action was refused, since its step was undone
    TOMBSTONE = "tombstone"  # a step was undone before it took effect
    KEY_REUSED = "key_reused"  # it was refused: the key is another command's


# Called as it happens, in the transaction: one that is rolled back afterwards has been told of.
Observer = Callable[[BarrierEvent, Op], None]
