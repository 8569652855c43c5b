"""A toy saga whose second step may have to wait for the bank, as its action says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from saga import AwaitedOutcome, EarlierRuns, PendingStepEvent, Saga, SagaDefinition, SagaView
from saga.stretch.worker import StretchPlugin
from tests.saga import environment
from tests.saga.toy import FAST, LAST, ONE, PIVOT, QUEUE, STRETCH, TWO, Script, Toy

WITHIN = timedelta(minutes=15)
BANK = replace(
    TWO,
    probe=None,
    awaits_outcome=AwaitedOutcome(
        what="the bank", code="bank_timed_out", within=lambda _command: WITHIN
    ),
)
DEFINITION = SagaDefinition("PendingSaga", (ONE, BANK, PIVOT, LAST))


@workflow.defn
class PendingSaga:
    """Runs it."""

    @workflow.init
    def __init__(self, path: str, since: str | None) -> None:
        self.told: list[PendingStepEvent] = []
        self._saga = Saga(
            DEFINITION,
            path,
            on_pending=self._tell,
            fast_path=FAST in path,
            stretch=STRETCH in path,
            earlier_runs=EarlierRuns(since={"two": since}) if since else None,
            searchable=True,
        )

    @workflow.run
    async def run(self, path: str, since: str | None) -> str:
        outcome = await self._saga.run()
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._saga.close(outcome)
        return "completed" if outcome.cause is None else outcome.cause.code

    async def _tell(self, event: PendingStepEvent) -> None:
        self.told.append(event)

    @workflow.signal
    def hint(self, step: str) -> None:
        """It is worth asking again."""
        self._saga.look_again(step)

    @workflow.update
    async def cancel(self) -> bool:
        """Ask for a cancel."""
        return await self._saga.cancel("by_customer", "no more")

    @workflow.query
    def saga(self) -> SagaView:
        """The view."""
        return self._saga.view

    @workflow.query
    def abouts(self) -> list[Any]:
        """What it told of steps that wait."""
        return [event.about for event in self.told]


Handle = WorkflowHandle[PendingSaga, str]


@asynccontextmanager
async def pending_saga(
    client: Client, script: Script, since: str | None = None
) -> AsyncIterator[Handle]:
    """The saga, started, with its worker."""
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[PendingSaga],
        activities=Toy(script).all(),
        workflow_runner=environment.GUARDS,
        plugins=[StretchPlugin()],
    )
    async with worker:
        yield await client.start_workflow(
            PendingSaga.run,
            args=[environment.PATH, since],
            id=f"pending-{uuid4()}",
            task_queue=QUEUE,
        )
