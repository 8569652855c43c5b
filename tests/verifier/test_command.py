"""`saga verify` as people use it, and as its page shows it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, shell_blocks

PROGRAMS = Path(sys.executable).parent
BOUND = 120


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )


@pytest.mark.verifier
def test_the_command_on_its_page_breaks_nothing(tmp_path: Path) -> None:
    (block,) = shell_blocks(ROOT / "docs/verifying.md")
    done = run(block.commands, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "PlaceOrder: 0 failures" in done.stdout


@pytest.mark.verifier
def test_programs_get_json_and_people_a_page(tmp_path: Path) -> None:
    only = "--only 'user.validate fails once' --json --html report.html"
    done = run(f"saga verify PlaceOrder {only}", tmp_path)
    (report,) = json.loads(done.stdout)
    assert (report["saga"], report["failures"]) == ("PlaceOrder", [])
    assert report["paths"] == {"regular": 2, "fast": 1, "stretch": 1, "queued-stretch": 1}
    struck = [(item["path"], item["activity"], item["runs"]) for item in report["coverage"]]
    assert struck == [(path, "user.validate", runs) for path, runs in report["paths"].items()]
    page = (tmp_path / "report.html").read_text()
    assert page.index("The regular path: 2 single") < page.index("The fast path: 1 single")
    assert "validate_user:user.validate fails once" in page


@pytest.mark.verifier
def test_sagas_hold_over_services_that_are_called_over_http(tmp_path: Path) -> None:
    done = run("saga verify --topology services --shard 1/120", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for saga in ("PlaceOrder", "ReturnOrder"):
        assert f"{saga}: 0 failures" in done.stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [("Nonesuch", "there is no saga Nonesuch"), ("--shard 3/2", "with i from 1 to n")],
)
def test_a_wrong_request_is_told_what_is_right(tmp_path: Path, given: str, said: str) -> None:
    done = run(f"saga verify {given}", tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
