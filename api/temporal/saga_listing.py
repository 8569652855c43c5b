"""A saga in a list, as Temporal's visibility knows it, which lags a little."""

from activities.executions import Execution
from api.temporal.troubles import Trouble
from contracts.base import Message, Money, ToldTime

IS_OPEN = "CloseTime IS NULL"


class Stake(Message):
    """Money and pieces that are held for an order that is not settled.

    None is what is not known, since the service that knows does not answer. `missing` is what a
    confirmed order lacks of its price, if that is what is wrong.
    """

    money: Money | None
    pieces: int | None
    missing: Money | None = None


class SagaFound(Message):
    """A saga. `step` is the one it stands at; `trouble` and `stake` are told where asked for."""

    saga_id: str
    type: str
    state: str
    step: str | None
    started_at: ToldTime
    trouble: Trouble | None = None
    stake: Stake | None = None

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
