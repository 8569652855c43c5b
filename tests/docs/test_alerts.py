"""Each alert has its page, each page its alerts, and `promtool` finds no fault with the rules."""

import ast
import json
import re
import shutil
import subprocess

import pytest

from api.temporal.troubles import Kind
from tests.docs.markdown import METRICS, ROOT, RUNBOOKS, table_rows
from tests.support.promql import ALERTS, DASHBOARDS, alerts, metrics, read_by_deployments

OURS = re.compile(r"saga_[a-z]+(_[a-z]+)*")
MAKERS = (
    "activities",
    "api",
    "console",
    "infrastructure",
    "relay",
    "saga",
    "services",
    "workers",
    "workflows",
)
NO_METRICS = {"saga_id", "saga_paused", "saga_terminated", "saga_theme", "saga_console"}
NAMED = re.compile(r"`([A-Z]\w+)`")


def test_each_alert_has_a_page_that_names_it_and_no_page_names_another() -> None:
    told = {}
    for page in RUNBOOKS.glob("[a-z]*.md"):
        line = page.read_text().split("**Alert:** ", 1)[1].split("\n", 1)[0]
        if line.startswith("none; "):  # it is found by what it says then
            continue
        told[page] = set(NAMED.findall(line))
        assert told[page], f"{page.name} is for no alert"
    expected: dict[object, set[str]] = {}
    for alert in alerts():
        expected.setdefault(alert.runbook, set()).add(alert.name)
    assert told == expected


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_of_trouble_has_one_alert_whose_page_says_what_to_do(kind: Kind) -> None:
    """tests/story makes each of them, and sees that the metric tells it."""
    (alert,) = (alert for alert in alerts() if kind in alert.kinds)
    assert f"`{kind}`" in alert.runbook.read_text()


def test_no_alert_is_for_a_kind_of_trouble_that_there_is_not() -> None:
    assert {kind for alert in alerts() for kind in alert.kinds} == set(Kind)


def test_names_of_metrics_are_found_in_expressions() -> None:
    expression = 'sum by (le, a_b) (rate(x_bucket{c="d_e"}[5m])) > 0.05 * max(y_total) + up or z'
    assert metrics(expression) == {"x_bucket", "y_total", "z"}
    assert len(read_by_deployments()) >= 15


def named_in_code() -> set[str]:
    """The metrics of our own that our code makes, as it names them."""
    files = (path for package in MAKERS for path in (ROOT / package).rglob("*.py"))
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
    words = {
        child.value
        for child in nodes
        if isinstance(child, ast.Constant) and isinstance(child.value, str)
    }
    return {word for word in words if OURS.fullmatch(word)} - NO_METRICS


def documented() -> set[str]:
    """The names in the table of metrics."""
    rows = [row[0] for row in table_rows(METRICS) if len(row) == 3]
    return {name for cell in rows for name in re.findall(r"`(\w+)`", cell)}


def test_metrics_of_ours_are_documented_and_those_documented_are_made() -> None:
    """The exporter adds `_total` to what it counts, and the unit."""
    ours = {item for item in documented() if item.startswith("saga_")}
    made = named_in_code()
    assert len(made) >= 20
    endings = ("", "_total", "_seconds")
    assert {item for item in made if not ours & {item + ending for ending in endings}} == set()
    assert {own for own in ours if not made & {own.removesuffix(end) for end in endings}} == set()


def test_what_alerts_and_dashboards_read_is_documented() -> None:
    read = {re.sub("_(bucket|count|sum)$", "", item) for item in read_by_deployments()}
    assert read - documented() == set()


def test_dashboards_ask_one_source_of_data() -> None:
    assert DASHBOARDS
    for board in DASHBOARDS:
        panels = json.loads(board.read_text())["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}


def test_promtool_finds_no_fault() -> None:
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not on this machine (Debian has it in the package prometheus)")
    done = subprocess.run(
        [promtool, "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
