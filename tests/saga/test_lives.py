"""A later life of a saga: what it is told at its start, and what it must not do again."""

from uuid import uuid4

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from saga import Resolution, Resolving
from tests.saga.environment import Handle, toy
from tests.saga.test_parking import blocked, word
from tests.saga.toy import LATER, REJECT, UNDO, Script, ToySaga
from tests.support.waiting import until
from tests.support.world import World

DONE = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
NOT_NOW = {"NotBlocked", "AlreadyResolved"}


async def test_a_saga_that_is_started_to_be_undone_does_nothing_first(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script()
    async with toy(skipping.client, script, UNDO) as handle:
        assert await handle.result() == "by_audit"
        view = await handle.query(ToySaga.saga)
    assert script.log == ["fence", "undo two", "undo one"]
    # What an earlier life has done is undone, and shown as that.
    states = {step.name: step.state for step in view.steps}
    assert view.compensations == ["two", "one"]
    assert states == {
        **dict.fromkeys(("one", "two"), "compensated"),
        **dict.fromkeys(("pivot", "last"), "skipped"),
    }


async def test_a_saga_that_is_started_to_be_undone_is_finished_if_its_pivot_had_landed(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script(fenced=True)
    async with toy(skipping.client, script, UNDO) as handle:
        assert await handle.result() == "completed"
    assert script.log == ["fence", "one", "two", "pivot", "last"]


async def test_each_generation_of_a_repeated_step_is_undone_in_a_later_life(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script()
    async with toy(skipping.client, script, UNDO + "repeated") as handle:
        assert await handle.result() == "by_audit"
    assert script.keys["undo two"] == ["two#2", "two"]


async def test_what_was_done_by_hand_in_an_earlier_life_is_not_done_again(
    skipping: WorkflowEnvironment,
) -> None:
    said = [word(Resolving.MARK_DONE, "two"), word(Resolving.SKIP, "last")]
    script = Script({"pivot": [REJECT]}, words=said)
    async with toy(skipping.client, script, LATER) as handle:
        assert await handle.result() == "no"
        states = {step.name: step.state for step in (await handle.query(ToySaga.saga)).steps}
    assert script.log == ["one", "two", "fence", "undo one"]
    assert states["two"] == "compensated"
    finished = Script(words=said)
    async with toy(skipping.client, finished, LATER) as handle:
        assert await handle.result() == "completed"
        states = {step.name: step.state for step in (await handle.query(ToySaga.saga)).steps}
    assert finished.log == ["one", "two", "pivot"]
    assert states["last"] == "skipped"


async def test_no_word_of_an_earlier_life_answers_a_fence(skipping: WorkflowEnvironment) -> None:
    """Words from before fences took a retry only are on record still."""
    script = Script({"pivot": [REJECT]}, words=[word(Resolving.MARK_DONE, "pivot")])
    async with toy(skipping.client, script, LATER) as handle:
        assert await handle.result() == "no"
    assert script.log == ["one", "two", "fence", "undo two", "undo one"]


async def test_a_word_stands_wherever_the_saga_is_reset_to(world: World) -> None:
    """The reset run has replayed how it began before it could ask what was said."""
    said = word(Resolving.MARK_DONE)
    script = Script({"pivot": [REJECT], "undo two": [REJECT]})
    async with toy(world.client, script) as started:
        await blocked(started, "two")
        script.words = [said]  # on record from now on
        await started.execute_update(ToySaga.resolve, said)
        assert await started.result() == "no"
        first = (await started.describe()).run_id
        history = await world.client.get_workflow_handle(started.id, run_id=first).fetch_history()
        tasks = [event.event_id for event in history.events if event.event_type == DONE]
        for task in tasks[1:]:
            await world.client.workflow_service.reset_workflow_execution(
                ResetWorkflowExecutionRequest(
                    namespace=world.client.namespace,
                    workflow_execution=WorkflowExecution(workflow_id=started.id, run_id=first),
                    workflow_task_finish_event_id=task,
                    request_id=str(uuid4()),
                )
            )
            assert await world.client.get_workflow_handle(started.id).result() == "no"
    assert len(tasks) >= 2
    assert script.calls["undo two"] == 1


async def say(handle: Handle, resolution: Resolution) -> bool:
    """Whether the word was taken; it is not while the step is not parked in a new run yet."""
    try:
        await handle.execute_update(ToySaga.resolve, resolution)
    except WorkflowUpdateFailedError as refused:
        if isinstance(refused.cause, ApplicationError) and refused.cause.type in NOT_NOW:
            return False
        raise
    except RPCError:  # the run that had the Update has ended: nobody was told that it was taken
        return False
    return True


async def test_a_blocked_saga_that_operators_spoke_to_often_goes_on_as_a_later_life(
    short_lived: WorkflowEnvironment,
) -> None:
    script = Script({"pivot": [REJECT], "undo two": [REJECT]})
    client = short_lived.client
    async with toy(client, script) as started:
        await blocked(started, "two")
        handle: Handle = client.get_workflow_handle(started.id)
        taken = 0
        for _ in range(200):
            taken += await say(handle, word(Resolving.RETRY))
            if taken == 15:
                break
        assert taken == 15
        description = await handle.describe()
        events = description.history_length
        assert events < 100
        await until(lambda: say(handle, word(Resolving.MARK_DONE)))
        assert await handle.result() == "by_audit"  # what this toy's later lives are undone for
        first = description.raw_description.workflow_execution_info.first_run_id
        begun = await client.get_workflow_handle(handle.id, run_id=first).describe()
    assert begun.status is WorkflowExecutionStatus.CONTINUED_AS_NEW
    assert script.log[-1] == "undo one"
