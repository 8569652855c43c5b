"""A compensatable step that an earlier run may have done, and nobody could undo."""

from temporalio import workflow

from saga import Kind, Saga, Step
from tests.saga.toy import PIVOT, QUEUE, Toy

ONE = Step(
    name="one",
    kind=Kind.COMPENSATABLE,
    queue=QUEUE,
    action=Toy.one,
    compensation=Toy.undo_one,
)
STEPS: tuple[Step[str, str], ...] = (ONE, PIVOT)


@workflow.defn
class Undeclared:
    """Knows with what it does a step only when it gets there."""

    @workflow.init
    def __init__(self) -> None:
        self._saga = Saga(STEPS)

    @workflow.run
    async def run(self) -> None:
        await self._saga.step(ONE, "c")
        await self._saga.step(PIVOT, "c")
