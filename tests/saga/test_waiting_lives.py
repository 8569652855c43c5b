"""A saga that waits long, is asked often, is reset or begins anew waits for the same answer."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from tests.saga.test_waiting import answer, in_state, refusal_of
from tests.saga.toy import REJECT, Script
from tests.saga.waiting_toy import NO, WITHIN, YES, Approval, Handle, WaitingSaga, asking
from tests.support.waiting import until

DONE = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
MANY = 300  # refused answers; those of a run that writes one event for each would be in history


async def test_refused_answers_cost_no_history_however_many_there_are(
    short_lived: WorkflowEnvironment,
) -> None:
    async with asking(short_lived.client, Script(), cached=1) as handle:
        await in_state(handle, "waiting")
        before = (await handle.describe()).history_length
        for _ in range(MANY // 10):
            codes = await asyncio.gather(
                *(refusal_of(handle, Approval(yes=True, by="")) for _ in range(10))
            )
            assert set(codes) == {"Nobody"}
        assert (await handle.describe()).history_length == before
        await answer(handle, YES)
        assert await handle.result() == "completed by ada"


async def test_a_saga_that_is_asked_often_goes_on_in_another_run_until_the_same_moment(
    short_lived: WorkflowEnvironment,
) -> None:
    """Signals cannot be refused, so each is in the history, whatever it says."""
    script = Script()
    async with asking(short_lived.client, script, "deadline") as started:
        await in_state(started, "waiting")
        # A query may be ahead of the task that notes since when it waits; an Update is not.
        assert await refusal_of(started, Approval(yes=True, by="")) == "Nobody"
        first = (await in_state(started, "waiting")).steps[1].waiting
        handle: Handle = short_lived.client.get_workflow_handle(started.id)  # of whatever run

        async def is_renewed() -> bool:
            await handle.signal(WaitingSaga.approval, args=["ask", {"yes": "?"}])
            return (await handle.describe()).run_id != started.first_execution_run_id

        await until(is_renewed)
        assert (await in_state(handle, "waiting")).steps[1].waiting == first
        run = (await handle.describe()).run_id
        assert await refusal_of(handle, Approval(yes=True, by="")) == "Nobody"
        assert (await handle.describe()).run_id == run
        deadline, wait = await timers(handle)
        assert (deadline < timedelta(days=1), wait < WITHIN) == (True, True)
        await answer(handle, YES)
        assert await handle.result() == "completed by ada"
        begun = await short_lived.client.get_workflow_handle(
            started.id, run_id=started.first_execution_run_id
        ).describe()
    assert begun.status is WorkflowExecutionStatus.CONTINUED_AS_NEW
    assert begun.history_length < 100
    assert script.log[-2:] == ["pivot", "last"]
    assert set(script.keys["two"]) == {"ask"}


async def test_what_was_answered_before_a_renewal_is_not_asked_again(
    short_lived: WorkflowEnvironment,
) -> None:
    async with asking(short_lived.client, Script(), "twice") as started:
        await in_state(started, "waiting")
        await answer(started, YES)
        handle: Handle = short_lived.client.get_workflow_handle(started.id)

        async def is_renewed() -> bool:
            await handle.signal(WaitingSaga.approval, args=["ask#2", {"yes": "?"}])
            return (await handle.describe()).run_id != started.first_execution_run_id

        await until(is_renewed)
        states = {step.name: step.state for step in (await in_state(handle, "waiting")).steps}
        assert (states["ask"], states["ask#2"]) == ("done", "waiting")
        assert await answer(handle, YES) is None
        assert await refusal_of(handle, NO) == "AnsweredOtherwise"
        await answer(handle, Approval(yes=True, by="bob"), "ask#2")
        assert await handle.result() == "completed by ada,bob"


@pytest.mark.parametrize("by", ["update", "signal"])
async def test_an_answer_stands_wherever_the_saga_is_reset_to(
    short_lived: WorkflowEnvironment, by: str
) -> None:
    """Temporal sends it again, also to a run that has not opened the request yet."""
    script = Script()
    async with asking(short_lived.client, script) as started:
        await in_state(started, "waiting")
        if by == "update":
            await answer(started, YES)
        else:
            await started.signal(WaitingSaga.approval, args=["ask", {"yes": True}])
        assert await started.result() == "completed by ada"
        for task in await tasks(started):
            handle = await reset(short_lived, started, task)
            async with asyncio.timeout(20):
                assert await handle.result() == "completed by ada"
    assert set(script.keys["two"]) == {"ask"}
    assert set(script.log) == {"one", "two", "pivot", "last"}


async def test_a_late_answer_does_nothing_after_a_reset_either(
    short_lived: WorkflowEnvironment,
) -> None:
    """It was refused, or ignored, when the saga had been called off; the reset run takes none."""
    script = Script({"undo two": [REJECT]})
    async with asking(short_lived.client, script) as started:
        await in_state(started, "waiting")
        assert await started.execute_update(WaitingSaga.cancel)
        await in_state(started, "blocked")
        await started.signal(WaitingSaga.approval, args=["ask", {"yes": True}])
        script.says["undo two"] = ["ok"]
        script.says["two"] = [REJECT]  # as the barrier does once the request was withdrawn
        handle = await reset(short_lived, started, (await tasks(started))[0])
        async with asyncio.timeout(20):
            assert await handle.result() == "by_customer"
    assert "pivot" not in script.log


async def tasks(handle: Handle) -> list[int]:
    """The workflow's tasks that it can be reset to."""
    history = await handle.fetch_history()
    return [event.event_id for event in history.events if event.event_type == DONE]


async def timers(handle: Handle) -> list[timedelta]:
    """How long each timer of the run was set to."""
    history = await handle.fetch_history()
    return [
        event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
        for event in history.events
        if event.HasField("timer_started_event_attributes")
    ]


async def reset(environment: WorkflowEnvironment, handle: Handle, task: int) -> Handle:
    """The first run, reset to the end of one of its tasks; a handle of what goes on."""
    client = environment.client
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(
                workflow_id=handle.id, run_id=handle.first_execution_run_id or ""
            ),
            workflow_task_finish_event_id=task,
            request_id=str(uuid4()),
        )
    )
    return client.get_workflow_handle(handle.id)
