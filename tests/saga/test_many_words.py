"""However often an operator says "try again", the saga can still be resolved.

Temporal takes 2,000 Updates and 51,200 events of one run of a workflow, and no more.
"""

import asyncio

import pytest

from saga import Resolving
from tests.saga.environment import Handle, toy
from tests.saga.test_lives import say
from tests.saga.test_parking import blocked, word
from tests.saga.toy import REJECT, Script
from tests.support.waiting import until
from tests.support.world import World

MANY = 3_000


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
        ).describe()
    assert script.log[-2:] == ["undo two", "undo one"]
    assert first.raw_description.workflow_execution_info.history_length < 10_000
