"""`saga bench` measures every subject, counts what it costs, and judges every goal."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.report.goals import GOALS
from benchmarks.subjects.registry import names
from cli.bench import QUICKLY

SAGA = Path(sys.executable).parent / "saga"


@pytest.mark.bench
def test_a_quick_run_measures_everything(tmp_path: Path) -> None:
    ran = subprocess.run(
        [SAGA, "bench", "--quick", "--out", tmp_path],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "bench.json").read_text())
    assert set(found["subjects"]) == set(names(QUICKLY, []))
    for name, subject in found["subjects"].items():
        assert subject["alone"]["count"] > 0, name
        assert subject["alone_ms"]["median"] > 0, name
        assert subject["cpu_ms"]["median"] > 0, name
    for name in ("saga", "regular", "default", "rest_wait"):
        cost = found["subjects"][name]["cost"]
        assert cost["history_events"] > 5, name  # more than an empty workflow has
        assert cost["persistence"] > 0, name
    assert found["subjects"]["empty"]["cost"]["history_events"] == 5
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert "saga bench" in (tmp_path / "bench.html").read_text()
    for goal in GOALS:
        assert goal.name in ran.stdout


@pytest.mark.bench
def test_an_unknown_part_is_refused() -> None:
    ran = subprocess.run([SAGA, "bench", "nothing"], check=False, capture_output=True, text=True)
    assert ran.returncode == 2
    assert "there is no nothing" in ran.stderr


def test_the_page_tells_to_run_what_is_tried_here() -> None:
    page = (Path(__file__).parents[2] / "docs" / "performance.md").read_text()
    told = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert told == ["make setup-bench\n.venv/bin/saga bench --quick\n"]
