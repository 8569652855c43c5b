"""A compensation or a step past the pivot that is refused waits for an operator, visibly."""

import asyncio

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig
from temporalio.testing import WorkflowEnvironment

from saga import Resolution, Resolving
from tests.saga.environment import Handle, toy
from tests.saga.toy import FAIL, HOLD, REJECT, Script, ToySaga
from tests.support.waiting import until
from tests.support.world import World


def word(action: Resolving, step: str = "two", evidence: str = "ticket 7") -> Resolution:
    return Resolution(step=step, action=action, evidence=evidence, who="ada")


async def blocked(handle: Handle, *steps: str) -> None:
    """Until just these steps are blocked, and the saga with them."""

    async def is_blocked() -> bool:
        view = await handle.query(ToySaga.saga)
        found = [step.name for step in view.steps if step.state == "blocked"]
        return view.state == "blocked" and found == list(steps)

    await until(is_blocked)


@pytest.mark.parametrize("action", list(Resolving))
async def test_a_refused_compensation_waits_for_an_operator(
    skipping: WorkflowEnvironment, action: Resolving
) -> None:
    script = Script({"two": [REJECT], "undo two": [REJECT, "ok"]})
    async with toy(skipping.client, script) as handle:
        await blocked(handle, "two")
        await handle.execute_update(ToySaga.resolve, word(action))
        assert await handle.result() == "no"
        view = await handle.query(ToySaga.saga)
        notices = await handle.query(ToySaga.notices)
    undone = ["undo two"] if action is Resolving.RETRY else []
    assert script.log == ["one", "fence", *undone, "undo one"]
    assert view.state == "compensated"
    ended = "skipped" if action is Resolving.SKIP else "compensated"
    assert {step.name: step.state for step in view.steps}["two"] == ended
    refused, said = "undo two says no", word(action)
    retried = [(refused, None), (refused, said), (None, None)]
    told = [(notice.blocked, notice.resolution) for notice in notices]
    assert told == (retried if action is Resolving.RETRY else [(refused, None), (None, said)])
    assert [notice.still_blocked for notice in notices] == [why is not None for why, _ in told]


async def test_workers_count_what_is_blocked_and_what_is_so_no_longer(
    skipping: WorkflowEnvironment,
) -> None:
    metrics = MetricBuffer(10_000)
    host = skipping.client.service_client.config.target_host
    runtime = Runtime(telemetry=TelemetryConfig(metrics=metrics))
    client = await Client.connect(host, runtime=runtime)
    script = Script({"two": [REJECT], "undo two": [REJECT, "ok"]})
    async with toy(client, script) as handle:
        await blocked(handle, "two")
        await handle.execute_update(ToySaga.resolve, word(Resolving.RETRY))
        assert await handle.result() == "no"
    counted = [
        (
            update.metric.name,
            update.attributes["workflow_type"],
            update.attributes["step"],
            update.value,
        )
        for update in metrics.retrieve_updates()
        if update.metric.name.startswith("saga_")
    ]
    assert counted == [
        ("saga_steps_blocked", "ToySaga", "two", 1),
        ("saga_steps_unblocked", "ToySaga", "two", 1),
    ]


async def test_a_retry_that_is_refused_again_blocks_again(skipping: WorkflowEnvironment) -> None:
    script = Script({"two": [REJECT], "undo two": [REJECT, REJECT, "ok"]})
    async with toy(skipping.client, script) as handle:
        for attempt in (1, 2):
            await blocked(handle, "two")
            assert script.calls["undo two"] == attempt
            await handle.execute_update(ToySaga.resolve, word(Resolving.RETRY, evidence=""))

            async def tried(count: int = attempt) -> bool:
                return script.calls["undo two"] > count

            await until(tried)
        assert await handle.result() == "no"


async def test_the_other_compensations_run_past_a_blocked_one_and_the_conclusion_waits(
    skipping: WorkflowEnvironment,
) -> None:
    """`one` concludes: it says that all is undone, so it must not run before that is true."""
    script = Script({"pivot": [REJECT], "undo two": [REJECT, REJECT, "ok"]})
    async with toy(skipping.client, script, "repeated") as handle:
        await blocked(handle, "two", "two#2")
        assert script.log == ["one", "two", "two", "fence"]
        await handle.execute_update(ToySaga.resolve, word(Resolving.SKIP, "two#2"))
        await blocked(handle, "two")
        assert "undo one" not in script.log
        await handle.execute_update(ToySaga.resolve, word(Resolving.RETRY, "two"))
        assert await handle.result() == "no"
    assert script.log[-2:] == ["undo two", "undo one"]


async def test_a_refused_step_past_the_pivot_waits_for_an_operator(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"last": [REJECT, "ok"]})
    async with toy(skipping.client, script) as handle:
        await blocked(handle, "last")
        assert not await handle.execute_update(ToySaga.cancel)
        await handle.execute_update(ToySaga.resolve, word(Resolving.RETRY, "last"))
        assert await handle.result() == "completed"
    assert script.log == ["one", "two", "pivot", "last"]


@pytest.mark.parametrize(
    ("action", "state"), [(Resolving.SKIP, "skipped"), (Resolving.MARK_DONE, "done")]
)
async def test_a_step_past_the_pivot_is_shown_as_what_an_operator_made_of_it(
    skipping: WorkflowEnvironment, action: Resolving, state: str
) -> None:
    script = Script({"last": [REJECT]})
    async with toy(skipping.client, script) as handle:
        await blocked(handle, "last")
        await handle.execute_update(ToySaga.resolve, word(action, "last"))
        assert await handle.result() == "completed"
        view = await handle.query(ToySaga.saga)
    assert {step.name: step.state for step in view.steps}["last"] == state


async def test_what_keeps_failing_is_shown_as_blocked_and_heals_by_itself(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"two": [REJECT], "undo two": [FAIL] * 120 + ["ok"]})
    async with toy(skipping.client, script) as handle:
        assert await handle.result() == "no"
        notices = await handle.query(ToySaga.notices)
    assert script.log == ["one", "fence", "undo two", "undo one"]
    assert [notice.still_blocked for notice in notices] == [True, False]
    assert notices[-1].resolution is None


async def test_a_pivot_that_keeps_failing_is_blocked_and_heals_by_itself(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"pivot": [FAIL] * 120 + ["ok"]})
    async with toy(skipping.client, script) as handle:
        assert await handle.result() == "completed"
        notices = await handle.query(ToySaga.notices)
    assert [(notice.step, notice.still_blocked) for notice in notices] == [
        ("pivot", True),
        ("pivot", False),
    ]


async def test_a_blocked_pivot_that_is_refused_in_the_end_is_undone(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"pivot": [FAIL] * 120 + [REJECT]})
    async with toy(skipping.client, script) as handle:
        assert await handle.result() == "no"
        view = await handle.query(ToySaga.saga)
    assert view.state == "compensated"
    assert script.log == ["one", "two", "fence", "undo two", "undo one"]


@pytest.mark.parametrize(
    ("resolution", "error"),
    [
        (word(Resolving.RETRY, "one"), "NotBlocked"),
        (word(Resolving.RETRY, "nonsense"), "NotBlocked"),
        (word(Resolving.SKIP, evidence=" "), "EvidenceMissing"),
        (word(Resolving.MARK_DONE, evidence=""), "EvidenceMissing"),
    ],
)
async def test_a_word_that_does_not_apply_is_refused(
    skipping: WorkflowEnvironment, resolution: Resolution, error: str
) -> None:
    script = Script({"two": [REJECT], "undo two": [REJECT, "ok"]})
    async with toy(skipping.client, script) as handle:
        await blocked(handle, "two")
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(ToySaga.resolve, resolution)
        assert isinstance(refused.value.cause, ApplicationError)
        assert refused.value.cause.type == error
        await handle.execute_update(ToySaga.resolve, word(Resolving.RETRY))
        await handle.result()


async def test_a_blocked_pivot_can_only_be_retried(world: World) -> None:
    """On a server with a clock of its own, since the pivot is tried on meanwhile."""
    script = Script({"pivot": [FAIL]})
    async with toy(world.client, script, "impatient") as handle:
        await blocked(handle, "pivot")
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(ToySaga.resolve, word(Resolving.SKIP, "pivot"))
        assert isinstance(refused.value.cause, ApplicationError)
        assert refused.value.cause.type == "RetryOnly"
        script.says["pivot"] = ["ok"]
        await handle.execute_update(ToySaga.resolve, word(Resolving.RETRY, "pivot"))
        async with asyncio.timeout(30):
            assert await handle.result() == "completed"


async def test_a_compensation_that_is_held_back_for_an_hour_waits_and_is_not_blocked(
    skipping: WorkflowEnvironment,
) -> None:
    """What a circuit breaker holds back has not failed, so no operator is called for it."""
    script = Script({"two": [REJECT], "undo two": [HOLD] * 720 + ["ok"]})
    async with toy(skipping.client, script) as handle:
        assert await handle.result() == "no"
        assert await handle.query(ToySaga.notices) == []
        assert (await handle.query(ToySaga.saga)).state == "compensated"
    assert script.calls["undo two"] == 721
    assert script.log == ["one", "fence", "undo two", "undo one"]
