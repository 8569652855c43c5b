"""Workers run the sagas as they are; replays run them under guards, and find what is forbidden."""

from collections.abc import AsyncIterator

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from cli.operate.histories import Named
from cli.operate.replay import replay_histories
from tests.histories.test_golden import LINES, SAID
from tests.workers.clock import ReadsTheClock
from workers.workflow_runner import runner_for
from workflows.return_order import ReturnOrder


async def one() -> AsyncIterator[Named]:
    line = next(
        entry for entry in LINES if SAID[f"{entry.release}/{entry.name}"]["saga"] == "PlaceOrder"
    )
    yield Named(line.name, WorkflowHistory.from_json("recorded", line.history))


async def test_a_replay_finds_a_saga_that_reads_the_clock() -> None:
    (result,) = [replay async for replay in replay_histories(one(), [ReadsTheClock, ReturnOrder])]
    assert "datetime.datetime.now" in (result.difference or "")


def test_only_replays_run_the_sagas_under_guards() -> None:
    strict, quick = (runner_for(pydantic_data_converter, strict=item) for item in (True, False))
    assert isinstance(strict, SandboxedWorkflowRunner)
    assert "workflows" not in strict.restrictions.passthrough_modules
    assert isinstance(quick, UnsandboxedWorkflowRunner)
