"""What is seen of all orders together: how they flow, and what operators decided."""

from datetime import datetime

from contracts.base import Message


class FlowSlice(Message):
    """So many orders that were recorded in one slot of time, and are in this status now.

    Slot 0 is the current one, slot 1 the one before it.
    """

    slot: int
    status: str
    orders: int


class OrderFlow(Message):
    """How orders flow, as the order service's database sees it at `now`.

    `open` counts the orders that have not ended; `oldest_id` is the one that waits longest, and
    `oldest_at` since when.
    """

    now: datetime
    slices: tuple[FlowSlice, ...]
    open: int
    oldest_id: str | None
    oldest_at: datetime | None


class Intervention(Message):
    """An operator's word on a blocked step, as it was recorded."""

    order_id: str
    step: str
    action: str
    evidence: str
    who: str
    recorded_at: datetime
