"""How commands end, what their tables keep at 80 columns, and what a pipe gets; without a stack."""

import io
import re
from collections import Counter
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli import verify
from cli.client import Api, ApiError
from cli.exit_codes import ExitCode
from cli.main import app
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
