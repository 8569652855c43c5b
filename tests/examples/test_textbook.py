"""What docs/why.md says of the saga as it is mostly written: a schedule for each of its rows."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from saga.verify import campaign
from saga.verify.environment.environment import running_environment
from tests.docs.markdown import ROOT
from textbook import subjects
from textbook.__main__ import loses

pytestmark = pytest.mark.verifier
ROW = re.compile(r"^\| (?P<kind>[a-z][A-Za-z, ]+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)
TOLD = {
    found["kind"]: found.groups()[1:] for found in ROW.finditer((ROOT / "docs/why.md").read_text())
}
ROWS = 11


def test_the_page_tells_of_enough_kinds_of_faults() -> None:
    assert len(TOLD) == ROWS
    assert {engine for _, _, engine in TOLD.values()} == {"0"}


@pytest.mark.parametrize(("column", "name"), [(0, "AFTER"), (1, "BEFORE"), (2, "ENGINE")])
async def test_each_row_of_the_page_is_true_of_a_schedule(column: int, name: str) -> None:
    """Of the fault alone; or else where something has the saga undone."""
    subject = getattr(subjects, name)
    told = {kind for kind, counted in TOLD.items() if int(counted[column])}
    lost: set[str] = set()
    async with running_environment(subject) as environment:
        singles = (await campaign.plan(environment, subject)).singles()
        for is_alone in (True, False):
            # What has the saga undone may lose something by itself: of the engine's it does not.
            left = (TOLD.keys() if is_alone or not told else told) - lost
            results = await campaign.verify(
                environment,
                subject,
                [
                    schedule
                    for schedule in singles
                    if (schedule.trigger is None) is is_alone
                    and str(schedule.faults[0].kind) in left
                ],
            )
            lost |= {str(result.schedule.faults[0].kind) for result in results if loses(result)}
    assert lost == told


def test_one_can_be_seen_as_the_page_says() -> None:
    page = (ROOT / "docs/why.md").read_text()
    folder, arguments = re.findall(r"^cd (\S+)\npython -m (saga verify .*)$", page, re.MULTILINE)[0]
    command = [sys.executable, "-m", *shlex.split(arguments)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:."}
    done = subprocess.run(
        command, cwd=ROOT / folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "violated: at the end: 100 of money are paid, not 0" in done.stdout
