"""What operators may say of a parked step, and what becomes of each word."""

import asyncio

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from saga import Resolution, Resolving
from tests.saga.environment import Handle, toy
from tests.saga.test_parking import blocked, word
from tests.saga.toy import EMPTY, FAIL, FINAL, HOLD, REJECT, STRETCH, TWO, Script, ToySaga
from tests.support.waiting import until
from tests.support.world import World

BY_HAND = (Resolving.SKIP, Resolving.MARK_DONE)


async def refusal_of(handle: Handle, resolution: Resolution) -> str | None:
    """The type of the error that the word is refused with."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update(ToySaga.resolve, resolution)
    assert isinstance(refused.value.cause, ApplicationError)
    return refused.value.cause.type


@pytest.mark.parametrize("landed", [True, False], ids=["landed", "not landed"])
async def test_the_fence_is_a_question_that_nobody_answers_in_its_place(
    skipping: WorkflowEnvironment, landed: bool
) -> None:
    """A word was read as "it had not landed": what was binding was undone."""
    script = Script({"pivot": [REJECT, "ok"], "fence": [REJECT, "ok"]}, fenced=landed)
    async with toy(skipping.client, script) as handle:
        await blocked(handle, "pivot")
        view = {step.name: step for step in (await handle.query(ToySaga.saga)).steps}
        assert (view["pivot"].role, view["pivot"].words) == ("fence", ["retry"])
        for action in BY_HAND:
            assert await refusal_of(handle, word(action, "pivot")) == "RetryOnly"
        await handle.execute_update(ToySaga.resolve, word(Resolving.RETRY, "pivot"))
        assert await handle.result() == ("completed" if landed else "no")
        view = {step.name: step for step in (await handle.query(ToySaga.saga)).steps}
        assert (view["pivot"].role, view["pivot"].words) == (None, [])
    undone = ["pivot", "last"] if landed else ["undo two", "undo one"]
    assert script.log[-2:] == undone


async def test_nobody_answers_a_probe_in_its_place(skipping: WorkflowEnvironment) -> None:
    script = Script({"two": [FAIL], "probe": [REJECT, "ok"]})
    async with toy(skipping.client, script, "probed") as handle:
        await skipping.sleep(TWO.patience)
        await blocked(handle, "two")
        for action in BY_HAND:
            assert await refusal_of(handle, word(action)) == "RetryOnly"
        await handle.execute_update(ToySaga.resolve, word(Resolving.RETRY))
        assert await handle.result() == "completed"


async def test_a_word_that_names_another_role_is_not_taken(skipping: WorkflowEnvironment) -> None:
    script = Script({"two": [REJECT], "undo two": [REJECT, "ok"]})
    async with toy(skipping.client, script) as handle:
        await blocked(handle, "two")
        wrong = Resolution("two", Resolving.RETRY, "", "ada", role="action")  # type: ignore[arg-type]
        assert await refusal_of(handle, wrong) == "NotBlocked"
        right = Resolution("two", Resolving.RETRY, "", "ada", role="compensation")  # type: ignore[arg-type]
        await handle.execute_update(ToySaga.resolve, right)
        assert await handle.result() == "no"


async def test_of_words_said_at_once_each_that_is_taken_is_on_record(world: World) -> None:
    """One overwrote the other, which was told that it had been taken."""
    for _ in range(5):
        script = Script({"two": [REJECT], "undo two": [REJECT]})
        async with toy(world.client, script) as handle:
            await blocked(handle, "two")
            said = [
                Resolution("two", action, f"ticket of {who}", who)
                for who in ("ada", "bob")
                for action in (Resolving.RETRY, Resolving.SKIP)
            ]
            answers = await asyncio.gather(
                *(handle.execute_update(ToySaga.resolve, one) for one in said),
                return_exceptions=True,
            )
            taken = [one for one, answer in zip(said, answers, strict=True) if answer is None]
            if not any(one.action is Resolving.SKIP for one in taken):
                await blocked(handle, "two")
                taken.append(word(Resolving.SKIP))
                await handle.execute_update(ToySaga.resolve, taken[-1])
            assert await handle.result() == "no"
            notices = await handle.query(ToySaga.notices)
        recorded = [notice.resolution for notice in notices if notice.resolution]
        assert sorted(map(str, recorded)) == sorted(map(str, taken))
        assert sum(one.action is Resolving.SKIP for one in taken) == 1


async def test_a_failure_that_is_final_waits_for_a_word_and_is_not_tried_without_a_pause(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"two": [REJECT], "undo two": [FINAL]})
    async with toy(skipping.client, script) as handle:
        await blocked(handle, "two")
        calls = script.calls["undo two"]
        assert calls <= 2  # on the fast path, then on its queue
        await handle.execute_update(ToySaga.resolve, word(Resolving.RETRY))

        async def tried() -> bool:
            return script.calls["undo two"] == calls + 1

        await until(tried)
        await blocked(handle, "two")
        await handle.execute_update(ToySaga.resolve, word(Resolving.MARK_DONE))
        assert await handle.result() == "no"
    assert script.calls["undo two"] == calls + 1


async def test_a_reply_that_cannot_be_read_is_asked_for_again(
    skipping: WorkflowEnvironment, path: str
) -> None:
    """As when somebody completed the activity by hand, with null. In a stretch nobody reads it."""
    script = Script({"two": [EMPTY, EMPTY, "ok"]})
    async with toy(skipping.client, script) as handle:
        result = await handle.result()
    if STRETCH in path:
        assert (result, script.calls["two"]) == ("completed", 1)
    else:  # on its queue alone it is asked for once more
        assert result == ("completed" if script.calls["two"] == 3 else "two_timed_out")


async def test_a_compensation_without_a_readable_reply_waits_for_an_operator(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"two": [REJECT], "undo two": [EMPTY]})
    async with toy(skipping.client, script) as handle:
        await blocked(handle, "two")
        view = await handle.query(ToySaga.saga)
        assert "cannot be read" in str(view.steps[1].error)
        await handle.execute_update(ToySaga.resolve, word(Resolving.MARK_DONE))
        assert await handle.result() == "no"


async def test_what_an_open_breaker_holds_back_does_not_hold_back_the_others(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"pivot": [REJECT], "undo two:two#2": [HOLD] * 720 + ["ok"]})
    async with toy(skipping.client, script, "repeated") as handle:
        assert await handle.result() == "no"
    keys = script.keys["undo two"]
    assert keys[-1] == "two#2"
    assert keys.index("two") < 150  # after ten minutes of every five seconds, not after an hour
    assert script.log[-3:] == ["undo two", "undo two", "undo one"]
