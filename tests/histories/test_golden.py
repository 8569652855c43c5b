"""The gate: what was recorded of each release is still replayed by the code as it is now.

`unreleased/` was recorded from this code, the other folders from the release that they are called
after. Nothing of a release may be recorded anew: what it runs already cannot be either.
"""

import asyncio
import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory

from cli.operate import archive
from cli.operate.histories import Named, histories
from cli.operate.replay import ADVICE, Replayed, replay_histories
from tests.histories import changes
from workflows.return_order import ReturnOrder

FOLDER = Path(__file__).parent
BOUND = 600  # seconds, after which it hangs; how long it takes is no test's matter
AGAIN = (
    f"{ADVICE} If it is only in unreleased/, and nobody runs that code yet, record it anew: "
    "saga record"
)
# A process is 4711@host; a note's key has its number and its run, as note#1@….
PLACES = r"/(home|root|tmp|Users|usr)/|\.py\b|(?<!#)\b\d+@|127\."
LOCAL = re.compile(rf"{PLACES}|sk_test|Bearer|eyJhbGci|@example")
LINES = [item for path in archive.below(FOLDER) for item in archive.read(path)]
SAID = {
    f"{folder.name}/{item['name']}": item
    for folder in sorted(FOLDER.iterdir())
    if folder.is_dir()
    for item in archive.manifest(folder)
}


def broken(results: list[Replayed]) -> str:
    """What the gate says; nothing if all are replayed."""
    wrong = [f"{result.name}: {result.difference}" for result in results if result.difference]
    return "\n".join([*wrong, AGAIN]) if wrong else ""


async def test_golden_histories_of_all_releases_are_replayed() -> None:
    async with asyncio.timeout(BOUND):
        results = [replay async for replay in replay_histories(histories(str(FOLDER)))]
    assert {result.name for result in results} == set(SAID)
    assert not broken(results), broken(results)


async def some(*endings: str) -> AsyncIterator[Named]:
    """Of orders placed by this code, one of each of these endings on each path."""
    seen = set()
    for line in LINES:
        said = SAID[f"{line.release}/{line.name}"]
        kind = (said["ending"], said["fast_path"], said["services"])
        if said["saga"] == "PlaceOrder" and said["ending"] in endings and kind not in seen:
            seen.add(kind)
            yield Named(line.name, WorkflowHistory.from_json("recorded", line.history))


@pytest.mark.parametrize("change", changes.BREAKING, ids=lambda it: it.__name__)
async def test_a_change_that_breaks_what_runs_is_caught_and_told_what_to_do(
    change: type[Any],
) -> None:
    found = some("confirmed", "rejected", "cancelled", "timed_out", "blocked")
    results = [replay async for replay in replay_histories(found, [change, ReturnOrder])]
    said = broken(results)
    assert "workflow.patched" in said
    assert "saga record" in said


async def test_a_change_that_is_guarded_passes() -> None:
    found = some("confirmed", "rejected", "cancelled", "timed_out", "blocked")
    results = [replay async for replay in replay_histories(found, [changes.Guarded, ReturnOrder])]
    assert len(results) >= 5
    assert not broken(results), broken(results)


def test_there_is_one_of_every_ending_on_every_way() -> None:
    assert len(LINES) >= 40
    ours = [item for item in SAID.values() if item["saga"] in {"PlaceOrder", "ReturnOrder"}]
    placed = {own["ending"] for own in ours if own["saga"] == "PlaceOrder"}
    returned = {own["ending"] for own in ours if own["saga"] == "ReturnOrder"}
    assert placed == {"confirmed", "rejected", "cancelled", "timed_out", "blocked"}
    assert returned == {"returned", "rejected", "cancelled", "timed_out"}
    assert "AuditOrders" in {item["saga"] for item in SAID.values()}
    for services in ("in process", "over HTTP"):
        for fast in (True, False):
            ways = {
                own["ending"]
                for own in ours
                if (own["services"], own["fast_path"]) == (services, fast)
            }
            assert ways == placed | returned


@pytest.mark.parametrize("line", LINES, ids=lambda it: f"{it.release}/{it.name}")
def test_the_manifest_tells_the_truth(line: archive.Line) -> None:
    said = SAID[f"{line.release}/{line.name}"]
    events = line.history["events"]
    started = events[0]["workflowExecutionStartedEventAttributes"]
    assert said["events"] == len(events)
    assert said["saga"] == started["workflowType"]["name"]
    (argument,) = payloads(started["input"])
    assert said["fast_path"] == bool(argument.get("fast_path"))
    assert ending(events) in {said["ending"], None if said["ending"] == "blocked" else ""}


def ending(events: list[dict[str, Any]]) -> str | None:
    """The status that the last event tells of; None if the workflow is still open."""
    kind = events[-1]["eventType"].removeprefix("EVENT_TYPE_WORKFLOW_EXECUTION_")
    if kind == "CANCELED":
        return "cancelled"
    if kind != "COMPLETED":
        return None
    done = events[-1]["workflowExecutionCompletedEventAttributes"]["result"]
    (result,) = payloads(done)
    for flag in ("repaired", "returned"):
        if result.get(flag):
            return flag
    return str(result.get("status") or abandoned_for(result["reason"]["code"]))


def abandoned_for(code: str) -> str:
    """How a return ended that left its order confirmed."""
    if code.startswith("cancelled_by"):
        return "cancelled"
    return "timed_out" if code.endswith("timed_out") else "rejected"


def payloads(holder: dict[str, Any]) -> list[Any]:
    return [json.loads(b64decode(payload["data"])) for payload in holder["payloads"]]


@pytest.mark.parametrize("line", LINES, ids=lambda it: f"{it.release}/{it.name}")
def test_nothing_of_the_machine_or_secret_is_in_it(line: archive.Line) -> None:
    for text in texts(line.history):
        assert LOCAL.search(text) is None, text


def texts(found: Any) -> Iterator[str]:
    """All strings, payloads decoded."""
    if isinstance(found, dict):
        for key, value in found.items():
            if key == "data" and isinstance(value, str):
                yield b64decode(value).decode()
            else:
                yield from texts(value)
    elif isinstance(found, list):
        for row in found:
            yield from texts(row)
    elif isinstance(found, str):
        yield found
