"""However often an operator says "try again", or somebody the same, the saga takes it.

Temporal takes 2,000 Updates and 51,200 events of one run of a workflow, and no more. Whoever has
forgotten a run replays all of it within a task's ten seconds, or never gets on. So a run ends long
before, at rest. WORDS is how many are said: enough for several runs, or nothing would be shown.
"""

import asyncio
import os

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from saga import Resolving
from saga.executor import LONG
from tests.saga.environment import Handle, toy
from tests.saga.test_lives import say
from tests.saga.test_parking import blocked, word
from tests.saga.test_waiting import answer, in_state, refusal_of
from tests.saga.toy import REJECT, Script
from tests.saga.waiting_toy import YES, Approval, asking
from tests.saga.waiting_toy import Handle as Asked
from tests.support.waiting import until
from tests.support.world import World

TASK_FAILED = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
MANY, AT_ONCE = max(400, int(os.environ.get("WORDS", "3000"))), 10


@pytest.mark.words
async def test_a_saga_takes_more_words_than_a_run_has_updates(world: World, path: str) -> None:
    if path:
        pytest.skip("words are said where the fast path has been left")
    script = Script({"pivot": [REJECT], "undo two": [REJECT]})
    async with toy(world.client, script, cached=10) as started:
        await blocked(started, "two")
        handle: Handle = world.client.get_workflow_handle(started.id)  # of whatever run
        for _ in range(MANY):
            await until(lambda: say(handle, word(Resolving.RETRY)))
        assert script.calls["undo two"] >= MANY
        script.says["undo two"] = ["ok"]
        await until(lambda: say(handle, word(Resolving.RETRY)))
        async with asyncio.timeout(30):
            await handle.result()
        first = await world.client.get_workflow_handle(
            started.id, run_id=started.first_execution_run_id
        ).fetch_history()
    assert script.log[-2:] == ["undo two", "undo one"]
    assert len(first.events) < 2 * LONG
    # Of an attempt at work the answer may come as the run ends: Temporal refuses that end, and all
    # is replayed.
    assert TASK_FAILED not in {event.event_type for event in first.events}


@pytest.mark.words
async def test_a_saga_that_waits_takes_more_answers_than_a_run_has_updates(world: World) -> None:
    async with asking(world.client, Script(), "twice", cached=10) as started:
        await in_state(started, "waiting")
        handle: Asked = world.client.get_workflow_handle(started.id)  # of whatever run

        async def repeated() -> bool:
            try:
                return await answer(handle, YES) is None
            except RPCError:  # the run that had the Update has ended: it is sent again
                return False

        for _ in range(MANY // AT_ONCE):
            await asyncio.gather(*(until(repeated) for _ in range(AT_ONCE)))
            refused = (refusal_of(handle, YES, "nonsense") for _ in range(AT_ONCE))
            assert set(await asyncio.gather(*refused)) == {"NoSuchWait"}
        await answer(handle, Approval(yes=True, by="bob"), "ask#2")
        async with asyncio.timeout(30):
            assert await handle.result() == "completed by ada,bob"
        first = await world.client.get_workflow_handle(
            started.id, run_id=started.first_execution_run_id
        ).describe()
    assert first.status is WorkflowExecutionStatus.CONTINUED_AS_NEW
    assert first.raw_description.workflow_execution_info.history_length < 2 * LONG
