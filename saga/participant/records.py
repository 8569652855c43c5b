"""What a service has on record of a saga: its barrier's rows."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from saga.participant.states import Op, State


class StepRecord(BaseModel):
    """One row: what a step's action or compensation came to, and when it was first tried."""

    model_config = ConfigDict(frozen=True)

    step: str
    op: Op
    state: State
    recorded_at: datetime
