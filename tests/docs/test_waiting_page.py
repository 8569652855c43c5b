"""The page on steps that wait shows a saga that runs."""

import importlib
import re
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.worker import Worker

from saga import SagaView
from tests.docs.markdown import ROOT
from tests.saga.conftest import time_skipping
from tests.support.waiting import until

PAGE = ROOT / "docs" / "waiting-for-people.md"
CODES = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


async def test_the_example_waits_and_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, outcome = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "approved_trip.py").write_text(code + outcome)
    monkeypatch.syspath_prepend(tmp_path)
    page = importlib.import_module("approved_trip")
    questions = page.Questions()
    assert page.bank.within(None) == timedelta(minutes=15)
    async with (
        time_skipping() as temporal,
        Worker(
            temporal.client,
            task_queue="trips",
            workflows=[page.ApprovedTrip],
            activities=[questions.ask, questions.withdraw],
        ),
    ):
        results = []
        for approved in (True, False, None):
            handle = await temporal.client.start_workflow(
                "ApprovedTrip", page.Trip("900 EUR"), id=f"trip-{approved}", task_queue="trips"
            )

            async def is_waiting(asked=handle) -> bool:  # type: ignore[no-untyped-def]
                view: SagaView = await asked.query("saga", result_type=SagaView)
                return view.state == "waiting"

            await until(is_waiting)
            if approved is None:
                await temporal.sleep(timedelta(days=2, minutes=1))
            else:
                said = page.Approval(approved)
                await handle.execute_update("answer", args=["approval", said])
            results.append(await handle.result())
    assert results == ["approved", "declined", "approval_timed_out"]


def test_the_page_names_every_code_that_an_answer_is_refused_with() -> None:
    kernel = (ROOT / "saga" / "waiting" / "answers.py").read_text()
    refused = re.findall(r'_refuse_answer\(\s*"(\w+)"', kernel)
    assert sorted(set(CODES.findall(PAGE.read_text()))) == sorted(set(refused))
