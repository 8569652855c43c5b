"""What commands say in passing is so, too."""

from typing import Any

import pytest
from typer.testing import CliRunner

from cli.client import Api, ApiError
from cli.exit_codes import ExitCode
from cli.main import app
from cli.operate import stuck

ROW: dict[str, Any] = {
    "saga_id": "order-ord_1",
    "trouble": {"kind": "ended", "why": "it was", "way_out": "help", "since": "2026-01-01"},
    "stake": {"money": None, "pieces": None},
}


@pytest.mark.parametrize(
    ("rows", "said"), [(0, "no saga is stuck"), (1, "1 saga is stuck"), (2, "2 sagas are stuck")]
)
def test_one_saga_is_told_as_one(monkeypatch: pytest.MonkeyPatch, rows: int, said: str) -> None:
    monkeypatch.setattr(Api, "get", lambda *_, **__: {"items": [ROW] * rows})
    assert said in CliRunner().invoke(app, ["stuck"]).stdout


def test_an_api_that_answers_nothing_is_not_waited_for_as_one_that_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, float]] = []

    def answer_nothing(self: Api, path: str, **_: Any) -> Any:
        asked.append((path, self._http.timeout.read or 0))
        raise ApiError(0, "unreachable", "no answer")

    monkeypatch.setattr(Api, "get", answer_nothing)
    assert CliRunner().invoke(app, ["stuck"]).exit_code == ExitCode.NO_ANSWER
    assert asked == [("/health/live", stuck.AT_ONCE)]


@pytest.mark.parametrize("which", ["ord_1", "order-ord_1", "return-ord_1", "return-ord_1-2"])
def test_a_story_is_told_by_the_id_of_any_saga(monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    asked: list[str] = []

    def note(_: Api, path: str, **__: Any) -> Any:
        asked.append(path)
        raise ApiError(404, "unknown_order", "there is no such order")

    monkeypatch.setattr(Api, "get", note)
    assert CliRunner().invoke(app, ["explain", which]).exit_code == ExitCode.REFUSED
    assert asked == ["/v1/orders/ord_1"]
