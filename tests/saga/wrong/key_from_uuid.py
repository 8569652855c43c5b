"""A key that is new on every run."""

from dataclasses import replace

from temporalio import workflow

from saga import Saga, SagaDefinition
from tests.saga.toy import ONE, PIVOT

FORGETFUL = SagaDefinition(
    "Forgetful",
    (
        replace(ONE, command=lambda _: f"key-{workflow.uuid4()}"),
        replace(PIVOT, command=lambda _: f"key-{workflow.info().run_id}"),
    ),
)


@workflow.defn
class Forgetful:
    """Cannot tell a repetition from a new request."""

    @workflow.init
    def __init__(self) -> None:
        self._saga = Saga(FORGETFUL, "")

    @workflow.run
    async def run(self) -> None:
        await self._saga.run()
