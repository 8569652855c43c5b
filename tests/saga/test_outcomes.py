"""A step whose action waits for somebody to act: it is asked again, and alone says what came."""

import pytest
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from saga import SagaView, Step, StepKind
from tests.saga.pending_toy import BANK, WITHIN, Handle, PendingSaga, pending_saga
from tests.saga.toy import FAIL, PENDING, QUEUE, REJECT, Script, Toy
from tests.support.waiting import until

UNDONE = ["fence", "undo two", "undo one"]


async def until_it_waits(handle: Handle) -> SagaView:
    views: list[SagaView] = []

    async def waits() -> bool:
        views.append(await handle.query(PendingSaga.saga))
        return views[-1].state == "waiting"

    await until(waits)
    return views[-1]


async def test_it_goes_on_when_somebody_has_acted(skipping_alone: WorkflowEnvironment) -> None:
    script = Script({"two": [PENDING]})
    async with pending_saga(skipping_alone.client, script) as handle:
        view = await until_it_waits(handle)
        step = view.steps[1]
        assert (step.state, step.error) == ("waiting", None)
        assert step.waiting is not None
        assert step.waiting.what == "the bank"
        assert await handle.query(PendingSaga.abouts) == [{"url": "https://bank.example"}]
        assert script.log == ["one"]  # and in a stretch nothing behind it was attempted
        script.says["two"] = ["ok"]
        await handle.signal(PendingSaga.hint, "two")
        assert await handle.result() == "completed"
        ended = await handle.query(PendingSaga.saga)
        assert (ended.state, ended.steps[1].state) == ("completed", "done")
        assert (ended.steps[1].waiting, ended.steps[1].error) == (None, None)
    assert script.log == ["one", "two", "pivot", "last"]


async def test_without_a_hint_it_is_asked_less_and_less_often(
    skipping_alone: WorkflowEnvironment,
) -> None:
    script = Script({"two": [*[PENDING] * 5, "ok"]})
    async with pending_saga(skipping_alone.client, script) as handle:
        assert await handle.result() == "completed"
        told = await handle.query(PendingSaga.abouts)
        await Replayer(workflows=[PendingSaga]).replay_workflow(await handle.fetch_history())
    assert len(told) == 1
    assert script.calls["two"] == 6
    assert script.log == ["one", "two", "pivot", "last"]


async def test_whoever_never_acts_is_timed_out_by_its_own_code(
    skipping_alone: WorkflowEnvironment,
) -> None:
    script = Script({"two": [PENDING]})
    async with pending_saga(skipping_alone.client, script) as handle:
        assert await handle.result() == "bank_timed_out"
        view = await handle.query(PendingSaga.saga)
        assert view.cause == "bank_timed_out: waited 0:15:00 for the bank"
    # at once, after 10, 30, 70, 150, 310 and 610 s, and once more when time is up
    assert script.calls["two"] == 8
    assert script.log == ["one", *UNDONE]


async def test_what_was_decided_at_the_last_moment_counts(
    skipping_alone: WorkflowEnvironment,
) -> None:
    script = Script({"two": [*[PENDING] * 7, "ok"]})
    async with pending_saga(skipping_alone.client, script) as handle:
        assert await handle.result() == "completed"


async def test_a_no_undoes_the_saga_as_rejected(skipping_alone: WorkflowEnvironment) -> None:
    script = Script({"two": [PENDING, REJECT]})
    async with pending_saga(skipping_alone.client, script) as handle:
        await until_it_waits(handle)
        await handle.signal(PendingSaga.hint, "two")
        assert await handle.result() == "no"
    assert script.log == ["one", *UNDONE]


async def test_a_cancel_while_it_waits_undoes_it(skipping_alone: WorkflowEnvironment) -> None:
    script = Script({"two": [PENDING]})
    async with pending_saga(skipping_alone.client, script) as handle:
        await until_it_waits(handle)
        assert await handle.execute_update(PendingSaga.cancel)
        assert await handle.result() == "by_customer"
    assert script.log == ["one", *UNDONE]


async def test_a_hint_before_it_waits_is_kept_and_one_about_nothing_is_ignored(
    skipping_alone: WorkflowEnvironment,
) -> None:
    script = Script({"one": [FAIL], "two": [PENDING, "ok"]})
    async with pending_saga(skipping_alone.client, script) as handle:
        for step in ("two", "two", "nonsense"):
            await handle.signal(PendingSaga.hint, step)
        script.says["one"] = ["ok"]
        assert await handle.result() == "completed"
    assert script.log == ["one", "two", "pivot", "last"]


async def test_a_later_run_waits_no_longer_than_the_first(
    skipping_alone: WorkflowEnvironment,
) -> None:
    long_ago = (await skipping_alone.get_current_time() - 2 * WITHIN).isoformat()
    script = Script({"two": [PENDING]})
    async with pending_saga(skipping_alone.client, script, long_ago) as handle:
        assert await handle.result() == "bank_timed_out"
    assert script.calls["two"] == 1


@pytest.mark.parametrize("kind", [StepKind.READ, StepKind.PIVOT, StepKind.RETRIABLE])
def test_only_what_can_be_undone_waits(kind: StepKind) -> None:
    with pytest.raises(ValueError, match="step wrong: what waits"):
        Step(
            name="wrong",
            kind=kind,
            queue=QUEUE,
            action=Toy.one,
            fence=Toy.fence if kind is StepKind.PIVOT else None,
            awaits_outcome=BANK.awaits_outcome,
        )
