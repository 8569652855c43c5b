"""A worker that has forgotten the workflow hears an operator's word on a step that is parked.

It is handed what happened since the last event, the word too, as one task; and of one task, Updates
come first. So parking must leave an event.
"""

from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from saga import (
    Call,
    Resolution,
    Resolving,
    Saga,
    SagaDefinition,
    SagaState,
    SagaView,
    Step,
    StepKind,
    rejection,
)
from tests.saga.environment import GUARDS
from tests.support.waiting import until

QUEUE = "forgotten"
TIMES = 3  # it went wrong every other time
OPERATOR = Resolution(step="hold", action=Resolving.RETRY, evidence="", who="ada")


@pytest.fixture(autouse=True)
def path() -> None:
    """It has no fast path."""


class Refused:
    """A compensation that is refused at first."""

    def __init__(self) -> None:
        self._refusals: set[str] = set()

    @activity.defn
    async def hold(self, call: Call, what: str) -> None:
        raise rejection("sold_out", f"{what} is sold out")

    @activity.defn
    async def release(self, call: Call, what: str) -> None:
        if call.saga_id not in self._refusals:
            self._refusals.add(call.saga_id)
            raise rejection("not_now", f"{what} cannot be released now")


def what(given: str) -> str:
    return given


FORGOTTEN = SagaDefinition(
    name="ForgottenSaga",
    steps=(
        Step(
            name="hold",
            kind=StepKind.COMPENSATABLE,
            queue=QUEUE,
            command=what,
            action=Refused.hold,
            compensation=Refused.release,
        ),
    ),
)


@workflow.defn(name=FORGOTTEN.name)
class ForgottenSaga:
    """Tells nobody that a step is parked, and cannot be searched for."""

    @workflow.init
    def __init__(self, given: str) -> None:
        self._saga = Saga(FORGOTTEN, given)

    @workflow.run
    async def run(self, given: str) -> str:
        outcome = await self._saga.run()
        return "" if outcome.cause is None else outcome.cause.code

    @workflow.query
    def saga(self) -> SagaView:
        return self._saga.view

    @workflow.update
    async def resolve(self, resolution: Resolution) -> None:
        await self._saga.resolve(resolution)

    @resolve.validator
    def check_resolution(self, resolution: Resolution) -> None:
        self._saga.check_resolution(resolution)


async def resolved(client: Client) -> str:
    handle: WorkflowHandle[ForgottenSaga, str] = await client.start_workflow(
        ForgottenSaga.run, "seat", id=f"forgotten-{uuid4()}", task_queue=QUEUE
    )

    async def is_blocked() -> bool:
        return (await handle.query(ForgottenSaga.saga)).state is SagaState.BLOCKED

    await until(is_blocked)
    await handle.execute_update(ForgottenSaga.resolve, OPERATOR)
    return await handle.result()


async def test_a_word_is_heard_by_a_worker_without_a_cache(
    short_lived: WorkflowEnvironment,
) -> None:
    refused = Refused()
    async with Worker(
        short_lived.client,
        task_queue=QUEUE,
        workflows=[ForgottenSaga],
        activities=[refused.hold, refused.release],
        max_cached_workflows=0,
        workflow_runner=GUARDS,
    ):
        # One after the other: without a cache, a worker does one task at a time.
        ends = [await resolved(short_lived.client) for _ in range(TIMES)]
    assert ends == ["sold_out"] * TIMES
