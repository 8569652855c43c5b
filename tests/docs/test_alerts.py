"""Each alert has its page, each page its alerts, and `promtool` finds no fault with the rules."""

import json
import re
import shutil
import subprocess

import pytest

from tests.docs.markdown import RUNBOOKS
from tests.support.promql import ALERTS, DASHBOARDS, alerts, metrics, read_by_deployments

NAMED = re.compile(r"`([A-Z]\w+)`")


def test_each_alert_has_a_page_that_names_it_and_no_page_names_another() -> None:
    told = {}
    for page in RUNBOOKS.glob("*.md"):
        line = page.read_text().split("**Alert:** ", 1)[1].split("\n", 1)[0]
        told[page] = set(NAMED.findall(line))
        assert told[page], f"{page.name} is for no alert"
    expected: dict[object, set[str]] = {}
    for it in alerts():
        expected.setdefault(it.runbook, set()).add(it.name)
    assert told == expected


def test_names_of_metrics_are_found_in_expressions() -> None:
    expression = 'sum by (le, a_b) (rate(x_bucket{c="d_e"}[5m])) > 0.05 * max(y_total) + up'
    assert metrics(expression) == {"x_bucket", "y_total"}
    assert len(read_by_deployments()) >= 15


def test_dashboards_ask_one_source_of_data() -> None:
    assert DASHBOARDS
    for board in DASHBOARDS:
        panels = json.loads(board.read_text())["panels"]
        assert len({it["id"] for it in panels}) == len(panels)
        assert {it["datasource"]["uid"] for it in panels} == {"${datasource}"}


def test_promtool_finds_no_fault() -> None:
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not on this machine (Debian has it in the package prometheus)")
    done = subprocess.run(
        [promtool, "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
