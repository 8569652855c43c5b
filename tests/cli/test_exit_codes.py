"""How commands end, what their tables keep at 80 columns, and what a pipe gets; without a stack."""

import io
import re
from collections import Counter
from typing import Any

import pytest
from rich.console import Console
from temporalio.service import RPCError, RPCStatusCode
from typer.testing import CliRunner

from cli import verify
from cli.client import Api, ApiError
from cli.exit_codes import ExitCode
from cli.main import app
from cli.operate import audit
from cli.orders import order, product
from tests.docs.markdown import ROOT

ORDER = {
    "id": "ord_pz3kwc5ydsjtdw3rpyvm2tbwqe",
    "status": "timed_out",
    "customer_id": "usr_" + "5" * 32,
    "total": {"minor": 123456789, "currency": "EUR"},
    "created_at": "2026-01-31T12:00:00.250000Z",
}
PRODUCT = {"sku": "A" * 64, "name": "A name that is long " * 5, "available": 12345, "reserved": 678}
PRODUCT |= {"sold": 90123, "price": {"minor": 123456789, "currency": "EUR"}}


def written(table: object, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ApiError(0, "unreachable", "no answer"), ExitCode.NO_ANSWER),
        (ApiError(503, "unavailable", "down"), ExitCode.NO_ANSWER),
        (ApiError(500, "internal_error", "a bug"), ExitCode.NO_ANSWER),
        (ApiError(404, "unknown_order", "none"), ExitCode.REFUSED),
        (ApiError(401, "token_missing", "none"), ExitCode.REFUSED),
        (ApiError(0, "still_pending", "a minute"), ExitCode.WRONG),
    ],
)
@pytest.mark.parametrize("words", ["order show ord_1", "explain ord_1", "user show usr_1", "stuck"])
def test_a_command_ends_by_what_came_of_it(
    monkeypatch: pytest.MonkeyPatch, words: str, error: ApiError, code: ExitCode
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(Api, "get", refuse)
    assert CliRunner().invoke(app, words.split()).exit_code == code


ONE = (
    *("cancel ord_1", "return ord_1", "settle ord_1 --evidence slip", "order cancel ord_1"),
    *("resolve charge_payment order-ord_1", "retry order-ord_1", "order return ord_1"),
)
REFUSALS = (
    (ApiError(0, "unreachable", "no answer"), ExitCode.NO_ANSWER),
    (ApiError(503, "unavailable", "down"), ExitCode.NO_ANSWER),
    (ApiError(409, "too_late_to_cancel", "no"), ExitCode.REFUSED),
)


@pytest.mark.parametrize(("error", "code"), REFUSALS)
@pytest.mark.parametrize("json", [(), ("--json",)])
@pytest.mark.parametrize("words", ONE)
def test_a_word_on_one_order_ends_by_what_came_of_it(
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    json: tuple[str, ...],
    error: ApiError,
    code: ExitCode,
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(Api, "get", refuse)
    monkeypatch.setattr(Api, "post", refuse)
    assert CliRunner().invoke(app, [*words.split(), *json]).exit_code == code


def test_words_on_several_orders_end_as_not_well_if_one_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse_one(_: Api, path: str, *__: Any, **___: Any) -> Any:
        if "ord_2" in path:
            raise ApiError(409, "too_late_to_cancel", "no")
        return {"status": "cancelled", "reason": None}

    monkeypatch.setattr(Api, "post", refuse_one)
    words = ["cancel", "ord_1", "ord_2", "--yes", "--rate", "100"]
    assert CliRunner().invoke(app, words).exit_code == ExitCode.WRONG
    assert CliRunner().invoke(app, ["cancel", "ord_1"]).exit_code == ExitCode.DONE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RPCError("down", RPCStatusCode.UNAVAILABLE, b""), ExitCode.NO_ANSWER),
        (RPCError("late", RPCStatusCode.DEADLINE_EXCEEDED, b""), ExitCode.NO_ANSWER),
        (RuntimeError("cannot connect"), ExitCode.NO_ANSWER),
        (RPCError("what", RPCStatusCode.INVALID_ARGUMENT, b""), ExitCode.REFUSED),
        (RPCError("none", RPCStatusCode.NOT_FOUND, b""), ExitCode.REFUSED),
    ],
)
def test_a_command_that_asks_temporal_ends_by_what_it_says(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: ExitCode
) -> None:
    async def refuse(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(audit, "_connect_and_run", refuse)
    assert CliRunner().invoke(app, ["audit"]).exit_code == code


def test_wrong_arguments_are_told_apart() -> None:
    for words in (["order", "place"], ["product", "stock", "A", "0"], ["nothing"]):
        assert CliRunner().invoke(app, words).exit_code == ExitCode.USAGE


def test_the_page_has_every_code() -> None:
    rows = re.findall(r"^\| (\d) \|", (ROOT / "docs/exit-codes.md").read_text(), re.MULTILINE)
    assert [int(row) for row in rows] == [*ExitCode]


def test_orders_are_whole_at_80_columns() -> None:
    lines = written(order.make_table([ORDER], 80), 80)
    for whole in (ORDER["id"], "timed_out", "1,234,567.89 EUR", "2026-01-31 12:00:00"):
        assert str(whole) in lines
    assert str(ORDER["customer_id"]) in written(order.make_table([ORDER], 140), 140)


def test_a_products_stock_is_whole_at_80_columns() -> None:
    lines = written(product.make_table([PRODUCT]), 80)
    for whole in ("12345", "678", "90123", "1,234,567.89 EUR"):
        assert whole in lines
    assert max(map(len, lines.splitlines())) <= 80


def test_a_piped_matrix_is_whole() -> None:
    points = [f"payment.charge_number_{number}" for number in range(40)]
    struck: Any = Counter({(point, "the worker dies"): 12345 for point in points})
    text = written(verify.make_table("PlaceOrder", struck), verify.make_console().width)
    assert text.count("12345") == len(points)
    assert "…" not in text
