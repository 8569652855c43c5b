"""Sagas that were started by an earlier release go on: their histories are still replayed.

`histories/` was recorded before there was a fast path. Nothing in them may be recorded anew: what
runs already cannot be either.
"""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from workers.queues import WORKFLOWS

FOLDER = Path(__file__).parent / "histories"
RECORDED = {it.stem: json.loads(it.read_text()) for it in FOLDER.glob("*.json")}


@pytest.fixture(autouse=True)
def fast_path() -> None:
    """A history says itself how it was made."""


@pytest.mark.parametrize("name", sorted(RECORDED))
async def test_an_old_history_is_replayed(name: str) -> None:
    workflows = [it for several in WORKFLOWS.values() for it in several]
    replayer = Replayer(workflows=workflows, data_converter=pydantic_data_converter)
    history = WorkflowHistory.from_json("recorded", RECORDED[name])
    await replayer.replay_workflow(history)
