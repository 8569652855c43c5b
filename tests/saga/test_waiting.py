"""A step that waits for somebody: whatever is answered, and whenever, does nothing wrong."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.converter import default
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from saga import AwaitedAnswer, EarlierRuns, Resolution, Resolving, SagaView, Step, StepKind
from tests.saga.toy import FAIL, FAST, QUEUE, REJECT, Script, Toy
from tests.saga.waiting_toy import NO, WITHIN, YES, Approval, Handle, WaitingSaga, asking
from tests.support.waiting import until

UNDONE = ["fence", "undo two", "undo one"]
SHOWN = EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES


async def in_state(handle: Handle, state: str) -> SagaView:
    """The saga's view as soon as it is in this state."""
    views: list[SagaView] = []

    async def is_so() -> bool:
        views.append(await handle.query(WaitingSaga.saga))
        return views[-1].state == state

    await until(is_so)
    return views[-1]


async def answer(handle: Handle, said: Approval, step: str = "ask") -> Any:
    return await handle.execute_update(WaitingSaga.answer, args=[step, said])


async def refusal_of(handle: Handle, said: Approval, step: str = "ask") -> str | None:
    """The code of the error that the answer is refused with."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await answer(handle, said, step)
    assert isinstance(refused.value.cause, ApplicationError)
    return refused.value.cause.type


async def states_shown(handle: Handle) -> list[str]:
    """What the search attribute SagaState was set to, one after the other."""
    history = await handle.fetch_history()
    fields = [
        event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
        for event in history.events
        if event.event_type == SHOWN
    ]
    converter = default().payload_converter
    shown = [converter.from_payload(field["SagaState"]) for field in fields if "SagaState" in field]
    return [row[0] if isinstance(row, list) else row for row in shown]


async def test_it_goes_on_when_it_is_answered(skipping: WorkflowEnvironment, path: str) -> None:
    script = Script()
    async with asking(skipping.client, script) as handle:
        view = await in_state(handle, "waiting")
        step = view.steps[1]
        assert (step.name, step.state) == ("ask", "waiting")
        assert step.waiting is not None
        assert step.waiting.what == "the traveller's approval"
        since = datetime.fromisoformat(step.waiting.since)
        assert datetime.fromisoformat(step.waiting.until) - since == WITHIN
        assert "waiting | for the traveller's approval, since" in view.markdown()
        assert await answer(handle, YES) is None
        assert await handle.result() == "completed by ada"
        ended = await handle.query(WaitingSaga.saga)
        assert (ended.steps[1].state, ended.steps[1].waiting) == ("done", None)
        back = (
            [] if FAST in path else ["running"]
        )  # on the fast path what follows is told at the end
        assert await states_shown(handle) == ["waiting", *back, "completed"]
    assert script.log == ["one", "two", "pivot", "last"]


async def test_a_refusal_undoes_the_saga_as_rejected(
    skipping: WorkflowEnvironment, path: str
) -> None:
    script = Script()
    async with asking(skipping.client, script) as handle:
        await in_state(handle, "waiting")
        said = await answer(handle, NO)
        assert (said.code, said.detail) == ("declined", "ada declined")
        assert await handle.result() == "declined"
        view = await handle.query(WaitingSaga.saga)
        assert (view.state, view.cause) == ("compensated", "declined: ada declined")
        undoing = [] if FAST in path else ["compensating"]
        assert await states_shown(handle) == ["waiting", *undoing, "compensated"]
    assert script.log == ["one", "two", *UNDONE]


async def test_a_request_that_nobody_answers_is_withdrawn_when_its_time_is_up(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"undo two": [REJECT, "ok"]})
    async with asking(skipping.client, script) as handle:
        await in_state(handle, "waiting")
        await skipping.sleep(WITHIN - timedelta(minutes=1))
        assert (await handle.query(WaitingSaga.saga)).state == "waiting"
        await skipping.sleep(timedelta(minutes=2))
        view = await in_state(handle, "blocked")
        late = [await refusal_of(handle, YES), await refusal_of(handle, NO)]
        assert late == ["NotWaitingAnyMore"] * 2
        assert str(view.steps[1].error).startswith("undo two")
        await handle.execute_update(WaitingSaga.resolve, retry())
        assert await handle.result() == "ask_timed_out"
        cause = str((await handle.query(WaitingSaga.saga)).cause)
        assert cause.endswith("waited 2 days, 0:00:00 for the traveller's approval")
    assert script.log == ["one", "two", *UNDONE]


def retry() -> Resolution:
    return Resolution("ask", Resolving.RETRY, "", "ada")


async def test_an_answer_before_the_request_is_refused_and_a_signal_is_kept(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"one": [FAIL]})
    async with asking(skipping.client, script) as handle:
        assert await refusal_of(handle, YES) == "NotWaitingYet"
        await handle.signal(WaitingSaga.approval, args=["ask", {"yes": True, "by": "bob"}])
        script.says["one"] = ["ok"]
        assert await handle.result() == "completed by bob"
    assert script.log == ["one", "two", "pivot", "last"]


async def test_an_answer_while_the_request_is_being_opened_counts(
    skipping: WorkflowEnvironment, path: str
) -> None:
    """Whoever is asked may be quicker than the reply to the workflow."""
    script = Script({"two": [FAIL]})
    async with asking(skipping.client, script) as handle:

        async def is_begun() -> bool:
            return script.calls["two"] > 0

        await until(is_begun)
        assert await answer(handle, YES) is None
        assert await refusal_of(handle, NO) == "AnsweredOtherwise"
        script.says["two"] = ["ok"]
        assert await handle.result() == "completed by ada"
        shown = await states_shown(handle)
    assert "waiting" not in shown


async def test_the_first_answer_counts_and_is_confirmed_again(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"pivot": [FAIL]})
    async with asking(skipping.client, script) as handle:
        await in_state(handle, "waiting")
        assert await answer(handle, YES) is None
        assert await answer(handle, YES) is None
        assert await refusal_of(handle, NO) == "AnsweredOtherwise"
        assert await refusal_of(handle, Approval(yes=True, by="bob")) == "AnsweredOtherwise"
        await handle.signal(WaitingSaga.approval, args=["ask", {"yes": False}])
        script.says["pivot"] = ["ok"]
        assert await handle.result() == "completed by ada"
    assert script.log == ["one", "two", "pivot", "last"]


async def test_a_refusal_given_again_is_told_the_same(skipping: WorkflowEnvironment) -> None:
    script = Script({"undo two": [REJECT, "ok"]})
    async with asking(skipping.client, script) as handle:
        await in_state(handle, "waiting")
        first = await answer(handle, NO)
        await in_state(handle, "blocked")
        assert await answer(handle, NO) == first
        assert await refusal_of(handle, YES) == "AnsweredOtherwise"
        await handle.execute_update(WaitingSaga.resolve, retry())
        assert await handle.result() == "declined"


async def test_an_answer_after_a_cancel_is_refused(skipping: WorkflowEnvironment) -> None:
    script = Script({"undo two": [REJECT, "ok"]})
    async with asking(skipping.client, script) as handle:
        await in_state(handle, "waiting")
        assert await handle.execute_update(WaitingSaga.cancel)
        await in_state(handle, "blocked")
        assert await refusal_of(handle, YES) == "NotWaitingAnyMore"
        await handle.signal(WaitingSaga.approval, args=["ask", {"yes": True}])
        await handle.execute_update(WaitingSaga.resolve, retry())
        assert await handle.result() == "by_customer"
        assert (await handle.query(WaitingSaga.saga)).state == "compensated"
    assert script.log == ["one", "two", *UNDONE]


async def test_what_is_no_answer_is_refused_and_another_one_is_waited_for(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script()
    async with asking(skipping.client, script) as handle:
        await in_state(handle, "waiting")
        assert await refusal_of(handle, Approval(yes=True, by="")) == "Nobody"
        assert await refusal_of(handle, YES, "one") == "NoSuchWait"
        assert await refusal_of(handle, YES, "ask#2") == "NoSuchWait"
        assert await answer(handle, YES) is None
        assert await handle.result() == "completed by ada"


async def test_a_bad_signal_is_ignored_and_in_the_log(
    skipping: WorkflowEnvironment, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script()
    bad = [("ask", {"yes": "maybe", "by": 7}), ("ask", {}), ("nonsense", {"yes": True})]
    bad.append(("ask", {"yes": True, "by": ""}))
    async with asking(skipping.client, script, cached=1) as handle:
        await in_state(handle, "waiting")
        for step, said in bad:
            await handle.signal(WaitingSaga.approval, args=[step, said])
        assert (await handle.query(WaitingSaga.saga)).state == "waiting"
        await handle.signal(WaitingSaga.approval, args=["ask", {"yes": False, "by": "eve"}])
        assert await handle.result() == "declined"
    said = [record.getMessage() for record in caplog.records if "is ignored" in record.getMessage()]
    assert len(said) == len(bad)
    assert [
        next(word for word in ("Approval", "no step nonsense", "say who") if word in text)
        for text in said
    ] == ["Approval", "Approval", "no step nonsense", "say who"]


@pytest.mark.parametrize(
    ("way", "cause"),
    [
        ("update", "by_customer: no more"),
        ("temporal", "cancelled_by_operator: cancelled on Temporal"),
        ("deadline", "deadline_exceeded: not done in 1 day, 0:00:00"),
    ],
)
async def test_a_saga_that_waits_is_called_off(
    skipping: WorkflowEnvironment, way: str, cause: str
) -> None:
    script = Script()
    async with asking(skipping.client, script, "deadline" if way == "deadline" else "") as handle:
        await in_state(handle, "waiting")
        if way == "update":
            assert await handle.execute_update(WaitingSaga.cancel)
        elif way == "temporal":
            await handle.cancel()
        with suppress(WorkflowFailureError):  # as Temporal has it of what it cancelled
            await handle.result()
        view = await handle.query(WaitingSaga.saga)
    assert view.cause == cause
    assert (view.steps[1].error, view.steps[1].state) == ("cancelled", "compensated")
    assert script.log == ["one", "two", *UNDONE]


async def test_beside_others_the_saga_waits_when_nothing_else_is_at_work(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script({"one": [FAIL]})
    async with asking(skipping.client, script, "beside") as handle:

        async def one_waits() -> bool:
            view = await handle.query(WaitingSaga.saga)
            assert view.state == "running"
            return view.steps[1].state == "waiting"

        await until(one_waits)
        script.says["one"] = ["ok"]
        await in_state(handle, "waiting")
        assert await answer(handle, YES) is None
        assert await handle.result() == "completed by ada"
        shown = await states_shown(handle)
    assert shown.count("waiting") == 1
    assert shown.count("running") <= 1
    assert sorted(script.log[:2]) == ["one", "two"]


async def test_when_what_runs_beside_fails_the_request_is_withdrawn(
    skipping_alone: WorkflowEnvironment,
) -> None:
    script = Script({"one": [FAIL]})
    async with asking(skipping_alone.client, script, "beside") as handle:
        await until_asked(handle)
        script.says["one"] = [REJECT]
        assert await handle.result() == "no"
    assert script.log == ["two", *UNDONE]


async def until_asked(handle: Handle) -> None:
    async def is_asked() -> bool:
        return (await handle.query(WaitingSaga.saga)).steps[1].state == "waiting"

    await until(is_asked)


async def test_each_generation_has_an_answer_of_its_own(skipping: WorkflowEnvironment) -> None:
    script = Script()
    async with asking(skipping.client, script, "twice") as handle:
        await in_state(handle, "waiting")
        assert await refusal_of(handle, NO, "ask#2") == "NotWaitingYet"
        await answer(handle, YES)

        async def asks_again() -> bool:
            view = await handle.query(WaitingSaga.saga)
            return view.steps[-1].name == "ask#2" and view.state == "waiting"

        await until(asks_again)
        await answer(handle, Approval(yes=True, by="bob"), "ask#2")
        assert await handle.result() == "completed by ada,bob"
    assert script.keys["two"] == ["ask", "ask#2"]


async def test_a_later_life_knows_what_was_answered_and_since_when_it_waits(
    skipping: WorkflowEnvironment,
) -> None:
    answered = EarlierRuns(answers={"ask": YES})
    async with asking(skipping.client, Script(), "", answered) as handle:
        assert await handle.result() == "completed by ada"
    long_ago = (datetime.now().astimezone() - 2 * WITHIN).isoformat()
    script = Script()
    async with asking(skipping.client, script, "", EarlierRuns(since={"ask": long_ago})) as handle:
        assert await handle.result() == "ask_timed_out"
    assert script.log == ["one", "two", *UNDONE]


async def test_a_saga_whose_pivot_has_landed_waits_for_nobody(
    skipping: WorkflowEnvironment,
) -> None:
    script = Script()
    async with asking(skipping.client, script, "", EarlierRuns(landed=True)) as handle:
        assert await handle.result() == "completed by "
    assert script.log == ["one", "two", "pivot", "last"]


@pytest.mark.parametrize("kind", [StepKind.READ, StepKind.PIVOT, StepKind.RETRIABLE])
def test_only_what_can_be_withdrawn_waits(kind: StepKind) -> None:
    with pytest.raises(ValueError, match="step wrong: what waits"):
        Step(
            name="wrong",
            kind=kind,
            queue=QUEUE,
            action=Toy.one,
            fence=Toy.fence if kind is StepKind.PIVOT else None,
            awaits=AwaitedAnswer(answer=Approval, within=WITHIN, what="an approval"),
        )
