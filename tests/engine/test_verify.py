"""The verifier for any saga: by its plugin, its command, and what it finds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from saga.verify.campaign import VerifyOptions
from saga.verify.command import story_of, verify_quietly
from saga.verify.plugin import VerifySaga, verify_saga
from tests.engine import trip

__all__ = ["verify_saga"]  # the fixture, as the plugin gives it to who installs the engine

pytestmark = pytest.mark.verifier
ROOT = Path(__file__).parents[2]
EACH_CALL = 4  # a flight, a hotel, and two guides


def test_a_saga_without_a_pivot_keeps_its_promises(verify_saga: VerifySaga) -> None:
    report = verify_saga(trip.SUBJECT, pairs=20)
    assert sum(len(result.schedule.faults) == 1 for result in report.results) >= 280
    assert len({result.schedule.name for result in report.results}) == len(report.results)


def test_what_lands_after_its_undoing_is_found_by_its_shortest_schedule() -> None:
    report = verify_quietly(trip.CARELESS, VerifyOptions(only="lands after it is undone"))
    late = [failure for failure in report.failures if len(failure.schedule.faults) == 1]
    assert len({sample.schedule.faults[0].point for sample in late}) == EACH_CALL
    told = story_of(report)
    assert "are free, not 3" in told
    assert "again: python -m saga verify tests.engine.trip:CARELESS --only 'flight:" in told


def test_the_plugin_fails_the_test_with_the_story(verify_saga: VerifySaga) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"violated: .* are free, not 3"):
        verify_saga(trip.CARELESS, only="flight:book_flight lands after it is undone")
    with pytest.raises(pytest.fail.Exception, match="no schedule is left"):
        verify_saga(trip.CARELESS, only="nothing is called so")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "saga", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("name", "code"), [("SUBJECT", 0), ("CARELESS", 1)])
def test_the_command_tells_whether_the_promises_hold(name: str, code: int) -> None:
    only = "flight:book_flight lands after it is undone [cached]"
    done = run("verify", f"tests.engine.trip:{name}", "--only", only)
    assert done.returncode == code, done.stdout + done.stderr
    assert f"TripSaga: 1 single faults, 0 combinations, {code} failures" in done.stdout


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((), "usage: python -m saga"),
        (("verify", "TripSaga"), "write package.module:SUBJECT"),
        (("verify", "tests.engine.trip:TRIP"), "is no saga.verify.Subject"),
        (("verify", "nothing.there:SUBJECT"), "cannot be imported"),
        (("verify", "tests.engine.trip:SUBJECT", "--only", "nothing"), "loosen --only"),
    ],
)
def test_the_command_says_what_to_write(asked: tuple[str, ...], said: str) -> None:
    done = run(*asked)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
