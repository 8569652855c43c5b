"""A compensation that needs something else than its action, which may have no result."""

from typing import Any

from temporalio import activity

from saga import Call, SagaDefinition, Step, StepKind
from tests.saga.toy import QUEUE, Toy, command


class Other:
    """Undoes by a number that only the action knew."""

    @activity.defn(name="other.undo")
    async def undo(self, call: Call, command: int) -> str:
        return ""


UNDO: Any = Other.undo
ONE = Step(
    name="one",
    kind=StepKind.COMPENSATABLE,
    queue=QUEUE,
    command=command,
    action=Toy.one,
    compensation=UNDO,
)
BY_NUMBER = SagaDefinition("ByNumber", (ONE,))
