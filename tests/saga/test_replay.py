"""Sagas that run already go on with a changed kernel: recorded histories are still replayed."""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from tests.saga.toy import ToySaga

FOLDER = Path(__file__).parent / "histories"
RECORDED = {item.stem: json.loads(item.read_text()) for item in FOLDER.glob("*.json")}


@pytest.fixture(autouse=True)
def path() -> None:
    """A history says itself how it was made."""


@pytest.mark.parametrize("name", sorted(RECORDED))
async def test_an_old_history_is_replayed(name: str) -> None:
    history = WorkflowHistory.from_json("recorded", RECORDED[name])
    await Replayer(workflows=[ToySaga]).replay_workflow(history)
