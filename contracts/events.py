"""What an event store tells of its events."""

from datetime import datetime
from typing import Any

from contracts.message import Message


class RecordedEvent(Message):
    """One event of a stream's history; versions count from 1."""

    version: int
    type: str
    data: dict[str, Any]
    recorded_at: datetime
