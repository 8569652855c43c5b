"""What barriers meet, as metrics."""

from infrastructure.telemetry.metrics import counter
from saga.participant import Op
from saga.participant.observer import BarrierEvent

COUNTERS = {
    BarrierEvent.DUPLICATE: (
        "saga_barrier_duplicates",
        "Attempts that got the reply of the first",
    ),
    BarrierEvent.LATE: ("saga_barrier_late", "Actions refused, since their step was undone"),
    BarrierEvent.TOMBSTONE: (
        "saga_barrier_tombstones",
        "Steps undone before they took effect",
    ),
    BarrierEvent.KEY_REUSED: (
        "saga_barrier_key_reused",
        "Attempts refused: the key is another command's",
    ),
}


def count(event: BarrierEvent, op: Op) -> None:
    """Observe a barrier. As it happens: what is rolled back afterwards has been counted."""
    counter(*COUNTERS[event]).add(1, {"op": op})
