"""A key that is new on every run."""

from temporalio import workflow

from saga import Saga, Step
from tests.saga.toy import ONE, PIVOT

STEPS: tuple[Step[str, str], ...] = (ONE, PIVOT)


@workflow.defn
class Forgetful:
    """Cannot tell a repetition from a new request."""

    @workflow.init
    def __init__(self) -> None:
        self._saga = Saga(STEPS)
        self._saga.declare(ONE, "c")

    @workflow.run
    async def run(self) -> None:
        await self._saga.step(ONE, f"key-{workflow.uuid4()}")
        await self._saga.step(PIVOT, f"key-{workflow.info().run_id}")
