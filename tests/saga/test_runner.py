"""The kernel's promises, one by one, on a toy saga and the time-skipping server."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import WorkflowRunner

from saga import Step, StepKind
from tests.saga.environment import ALL_GUARDS, GUARDS, toy
from tests.saga.toy import FAIL, FAST, QUEUE, REJECT, Script, Toy, ToySaga
from tests.support.waiting import until
from tests.support.world import World


def undone(path: str) -> list[str]:
    """What is undone of a saga that came as far as its first step, by what it may have done."""
    return ["undo two", "undo one"] if FAST in path else ["undo one"]


async def ends(
    environment: WorkflowEnvironment,
    script: Script,
    style: str = "",
    runner: WorkflowRunner = GUARDS,
) -> str:
    async with toy(environment.client, script, style, runner=runner) as handle:
        return await handle.result()


async def test_steps_run_in_order(skipping: WorkflowEnvironment) -> None:
    script = Script()
    assert await ends(skipping, script, runner=ALL_GUARDS) == "completed"
    assert script.log == ["one", "two", "pivot", "last"]


async def test_compensations_run_in_reverse_and_include_the_step_that_failed(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"two": [REJECT]})
    assert await ends(skipping, script, runner=ALL_GUARDS) == "no"
    assert script.log == ["one", "fence", "undo two", "undo one"]
    assert script.calls["two"] == 1, "a rejection is not retried"


async def test_a_step_that_keeps_failing_runs_out_of_its_patience_and_is_undone(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"two": [FAIL]})
    assert await ends(skipping, script) == "two_timed_out"
    assert script.log == ["one", "fence", "undo two", "undo one"]
    assert script.calls["two"] > 10


async def test_a_refused_pivot_is_undone(skipping: WorkflowEnvironment) -> None:
    script = Script({"pivot": [REJECT]})
    assert await ends(skipping, script) == "no"
    assert script.log == ["one", "two", "fence", "undo two", "undo one"]


@pytest.mark.parametrize("what", ["pivot", "last", "undo two", "fence"])
async def test_what_must_happen_is_tried_for_as_long_as_it_takes(
    skipping: WorkflowEnvironment, what: str
) -> None:
    script = Script({what: [FAIL] * 300 + ["ok"]})
    if what in {"undo two", "fence"}:
        script.says["two"] = [REJECT]
    assert await ends(skipping, script) in {"completed", "no"}
    assert script.calls[what] == 301
    assert what in script.log


async def test_the_deadline_undoes_a_saga_that_is_not_done(
    skipping: WorkflowEnvironment, path: str
) -> None:
    script = Script()
    assert await ends(skipping, script, "deadline") == "deadline_exceeded"
    assert script.log == ["one", "fence", *undone(path)]


async def test_steps_side_by_side_are_undone_in_reverse_of_their_start(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"pivot": [REJECT]})
    assert await ends(skipping, script, "together") == "no"
    assert sorted(script.log[:2]) == ["one", "two"]
    assert script.log[2:] == ["fence", "undo two", "undo one"]


async def test_one_of_several_side_by_side_fails_and_all_are_undone(
    skipping_alone: WorkflowEnvironment,
) -> None:
    script = Script({"one": [FAIL], "two": [REJECT]})
    assert await ends(skipping_alone, script, "together") == "no"
    assert script.log == ["fence", "undo two", "undo one"]


async def test_a_repeated_step_has_a_key_and_a_compensation_of_its_own(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"pivot": [REJECT]})
    assert await ends(skipping, script, "repeated") == "no"
    assert script.log == ["one", "two", "two", "fence", "undo two", "undo two", "undo one"]
    assert script.keys["two"] == ["two", "two#2"]


@pytest.mark.parametrize("lost", [False, True])
async def test_an_unknown_outcome_is_asked_for(skipping: WorkflowEnvironment, lost: bool) -> None:
    script = Script({"two": [FAIL]}, lost=lost)
    ended = await ends(skipping, script, "probed")
    if lost:
        assert ended == "two_timed_out"
        assert script.log == ["one", "probe", "fence", "undo two", "undo one"]
    else:
        assert ended == "completed"
        assert script.log == ["one", "probe", "pivot", "last"]


async def reach_timer(handle: WorkflowHandle[Any, Any]) -> None:
    """Until the workflow is in a timer.

    Not as soon as the step before is done: Temporal's test server loses a task at times, if
    somebody speaks to a workflow while an activity's answer comes in.
    """

    async def is_in_its_timer() -> bool:
        events = (await handle.fetch_history()).events
        return any(event.event_type == EventType.EVENT_TYPE_TIMER_STARTED for event in events)

    await until(is_in_its_timer)


@pytest.mark.parametrize("style", ["timer", "swallows"])
@pytest.mark.parametrize("way", ["update", "temporal"])
async def test_a_cancel_in_a_timer_is_undone_even_if_the_saga_swallows_it(
    skipping_alone: WorkflowEnvironment, path: str, style: str, way: str
) -> None:
    script = Script()
    async with toy(skipping_alone.client, script, style) as handle:
        await reach_timer(handle)
        if way == "update":
            assert await handle.execute_update(ToySaga.cancel)
            assert await handle.result() == "by_customer"
        else:
            await handle.cancel()
            with pytest.raises(WorkflowFailureError):
                await handle.result()
            assert (await handle.describe()).status == WorkflowExecutionStatus.CANCELED
    assert script.log == ["one", "fence", *undone(path)]


async def test_a_bug_compensates_nothing_and_goes_on_when_it_is_mended(world: World) -> None:
    script = Script()
    async with toy(world.client, script, "bug", task_timeout=timedelta(seconds=1)) as handle:

        async def task_has_failed() -> bool:
            history = await handle.fetch_history()
            return any(
                event.HasField("workflow_task_failed_event_attributes") for event in history.events
            )

        await until(task_has_failed)
        assert set(script.log) == {"one"}
        await handle.signal(ToySaga.mend)
        assert await handle.result() == "completed"
    # On the fast path a task that failed is repeated, and what it did with it.
    assert list(dict.fromkeys(script.log)) == ["one", "two", "pivot", "last"]


async def test_a_saga_whose_pivot_landed_in_an_earlier_run_goes_on_instead_of_undoing(
    skipping: WorkflowEnvironment,
) -> None:
    """As after a reset: the fence says that the pivot has landed."""
    script = Script({"two": [REJECT, FAIL, "ok"]}, fenced=True)
    assert await ends(skipping, script) == "completed"
    assert script.log == ["one", "fence", "one", "two", "pivot", "last"]


async def test_a_cancel_is_refused_if_the_pivot_turns_out_to_have_landed(
    skipping: WorkflowEnvironment, path: str
) -> None:
    """As after a workflow task of the fast path was lost with all that it had done.

    Without the fast path the pivot is in history before it runs, so the answer need not wait.
    """
    script = Script(fenced=True)
    async with toy(skipping.client, script, "timer once") as handle:
        await reach_timer(handle)
        assert await handle.execute_update(ToySaga.cancel) is (FAST not in path)
        assert await handle.result() == "completed"
    assert script.log == ["one", "fence", "one", "two", "pivot", "last"]


async def test_a_failure_past_the_pivot_that_is_no_step_fails_the_workflow(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script()
    with pytest.raises(WorkflowFailureError) as failure:
        await ends(skipping, script, "unsound")
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "UnsoundSaga"
    assert script.log == ["one", "two", "pivot"]


async def test_a_cancel_past_the_pivot_is_refused_and_forgotten(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script()
    async with toy(skipping.client, script, "sleeps after the pivot") as handle:
        await reach_timer(handle)
        assert "pivot" in script.log
        await handle.cancel()
        assert not await handle.execute_update(ToySaga.cancel)
        assert await handle.result() == "completed"
    assert script.log == ["one", "two", "pivot", "last"]


async def test_the_view_tells_each_step_and_why(skipping: WorkflowEnvironment) -> None:
    script = Script({"two": [REJECT]})
    async with toy(skipping.client, script) as handle:
        await handle.result()
        view = await handle.query(ToySaga.saga)
    assert (view.state, view.cause) == ("compensated", "no: two says no")
    assert [(step.name, step.state) for step in view.steps] == [
        ("one", "compensated"),
        ("two", "compensated"),
        ("pivot", "skipped"),
        ("last", "skipped"),
    ]
    assert view.compensations == ["two", "one"]


@pytest.mark.parametrize(
    ("kind", "compensation", "fence"),
    [
        (StepKind.COMPENSATABLE, None, None),
        (StepKind.READ, Toy.undo_one, None),
        (StepKind.RETRIABLE, Toy.undo_one, None),
        (StepKind.PIVOT, None, None),
        (StepKind.READ, None, Toy.fence),
    ],
)
def test_a_step_that_contradicts_its_kind_cannot_be_made(
    kind: StepKind, compensation: object, fence: object
) -> None:
    with pytest.raises(ValueError, match="step wrong"):
        Step(
            name="wrong",
            kind=kind,
            queue=QUEUE,
            action=Toy.one,
            compensation=compensation,  # type: ignore[arg-type]
            fence=fence,  # type: ignore[arg-type]
            attempt=timedelta(seconds=1),
        )
