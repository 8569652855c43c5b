"""A saga in a list, as Temporal's visibility knows it, which lags a little."""

from datetime import datetime

from activities.executions import Execution
from api.temporal.troubles import Trouble
from contracts.base import Message


class SagaFound(Message):
    """A saga. `step` is the one it stands at; `trouble` is told where it was asked for."""

    saga_id: str
    type: str
    state: str
    step: str | None
    started_at: datetime
    trouble: Trouble | None = None

    @classmethod
    def of(cls, saga: Execution, trouble: Trouble | None = None) -> "SagaFound":
        """What is shown of this one. Somebody may have started it who told no state."""
        attributes = {
            attribute.key.name: str(attribute.value) for attribute in saga.search_attributes
        }
        return cls(
            saga_id=saga.id,
            type=saga.workflow_type,
            state=attributes.get("SagaState", "unknown"),
            step=attributes.get("SagaStep"),
            started_at=saga.start_time,
            trouble=trouble,
        )
