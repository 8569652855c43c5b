"""What endings cost is what is kept; and Actions are counted by Temporal's rules."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from typer.testing import CliRunner

from cli.cost import stories
from cli.cost.actions import measure_cost
from cli.cost.command import BEGIN, END, KEPT, PAGE, RECORDED, make_section, write
from cli.main import app

ROOT = Path(__file__).parents[2]
UPDATE = "if that is meant: saga cost --update"


def test_no_ending_costs_anything_else_than_is_kept() -> None:
    now = stories.to_json(stories.read_costs(ROOT / RECORDED))
    dearer, other = stories.list_differences(json.loads((ROOT / KEPT).read_text()), now)
    assert not dearer, [*dearer, UPDATE]
    assert not other, [*other, UPDATE]


def test_the_page_shows_what_is_recorded() -> None:
    section = (ROOT / PAGE).read_text().partition(BEGIN)[2].partition(END)[0]
    assert section == make_section(stories.read_costs(ROOT / RECORDED)), UPDATE


def test_every_story_is_recorded_on_every_way_with_each_ending() -> None:
    found = stories.read_costs(ROOT / RECORDED)
    assert len(found) == 4 * sum(len(names) for names in stories.STORIES.values())
    endings = {(row.saga, row.ending) for row in found}
    placed = {"confirmed", "rejected", "cancelled", "timed_out"}
    returned = {"returned", "rejected", "cancelled", "timed_out"}
    assert endings == {
        *(("PlaceOrder", ending) for ending in placed),
        *(("ReturnOrder", ending) for ending in returned),
    }


@pytest.mark.parametrize("what", ["actions", "events", "size"])
def test_what_is_dearer_is_told(what: str) -> None:
    now = stories.to_json(stories.read_costs(ROOT / RECORDED))
    cheaper = [{**now[0], what: now[0][what] - 1}, *now[1:]]
    dearer, other = stories.list_differences(cheaper, now)
    assert len(dearer) == 1
    assert f"{now[0][what] - 1} {what} are {now[0][what]}" in dearer[0]
    assert not other
    assert stories.list_differences(now, cheaper)[0] == []
    assert len(stories.list_differences(now[1:], now)[1]) == 1
    assert len(stories.list_differences(now, now[1:])[1]) == 1


def test_update_writes_what_is_checked(tmp_path: Path) -> None:
    costs = stories.read_costs(ROOT / RECORDED)
    kept, page = tmp_path / "cost.json", tmp_path / "cost.md"
    page.write_text(f"before\n{BEGIN}old\n{END}\nafter\n")
    for _ in range(2):  # again changes nothing
        write(costs, kept, page)
        assert json.loads(kept.read_text()) == stories.to_json(costs)
        assert page.read_text() == f"before\n{BEGIN}{make_section(costs)}{END}\nafter\n"


def test_the_table_fits_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = CliRunner().invoke(app, ["cost"])
    assert shown.exit_code == 0, shown.output
    assert max(len(line) for line in shown.output.splitlines()) <= 80
    assert "cancelled-by-customer-after-charge" in shown.output
    told = CliRunner().invoke(app, ["cost", "--json"])
    assert len(json.loads(told.output)) == len(stories.read_costs(RECORDED))


def test_any_history_is_counted(tmp_path: Path) -> None:
    events = [{"eventId": "1", "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"}]
    started = {"workflowId": "one", "workflowType": {"name": "Any"}}
    history = {"events": [{**events[0], "workflowExecutionStartedEventAttributes": started}]}
    (tmp_path / "one.json").write_text(json.dumps(history))
    told = CliRunner().invoke(app, ["cost", str(tmp_path), "--json"])
    (row,) = json.loads(told.output)
    assert (row["name"], row["actions"], row["events"]) == ("one", 1, 1)


def event(kind: str, **attributes: Any) -> HistoryEvent:
    """One of a history; `attributes` are those of its kind."""
    own: dict[str, Any] = {}
    if attributes:
        own[f"{kind.lower()}_event_attributes"] = attributes
    return HistoryEvent(event_type=EventType.Value(f"EVENT_TYPE_{kind}"), **own)


def upsert(*names: str) -> HistoryEvent:
    """Of search attributes."""
    indexed = {"indexed_fields": {name: Payload() for name in names}}
    return event("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", search_attributes=indexed)


def marker(task: int) -> HistoryEvent:
    """Of a local activity in this workflow task."""
    return event("MARKER_RECORDED", workflow_task_completed_event_id=task)


START = event("WORKFLOW_EXECUTION_STARTED")
RESET = event(
    "WORKFLOW_TASK_FAILED",
    cause=WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
)


@pytest.mark.parametrize(
    ("events", "by_kind"),
    [
        ([START], {"start": 1}),
        ([marker(4), marker(4), marker(9)], {"markers": 2}),
        ([event("ACTIVITY_TASK_SCHEDULED")], {}),
        ([event("ACTIVITY_TASK_STARTED", attempt=1)], {"activity": 1}),
        ([event("ACTIVITY_TASK_STARTED", attempt=3)], {"activity": 3}),
        ([upsert("A", "B"), upsert("A")], {"search_attributes": 2}),
        ([upsert("TemporalChangeVersion")], {}),
        ([event("TIMER_STARTED"), event("TIMER_CANCELED")], {"timer": 1}),
        ([event("WORKFLOW_EXECUTION_SIGNALED")], {"signal": 1}),
        ([event("WORKFLOW_EXECUTION_UPDATE_ACCEPTED")], {"update": 1}),
        ([START, event("TIMER_STARTED"), RESET, marker(9)], {"reset": 1, "markers": 1}),
        ([event("WORKFLOW_TASK_FAILED"), event("WORKFLOW_TASK_COMPLETED")], {}),
    ],
)
def test_actions_are_counted_by_the_rules(
    events: Sequence[HistoryEvent], by_kind: dict[str, int]
) -> None:
    cost = measure_cost(events)
    assert cost.by_kind == by_kind
    assert cost.actions == sum(by_kind.values())
    assert cost.events == len(events)
