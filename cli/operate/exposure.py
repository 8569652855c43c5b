"""`saga exposure`: money and stock of orders that have not ended, and what sagas cost."""

from typing import Any

from rich.console import Console

from cli.client import Api, ApiError, fail
from cli.operate.batch import AsJson
from cli.orders.order import Url, money
from cli.output import FittingTable, keep_whole

CAPTURED = "Captured, or may be, and not confirmed"  # a charge that is not answered counts
COSTS = {
    "saga": "saga",
    "outcome": "outcome",
    "sagas": "sagas",
    "seconds": "seconds",
    "longest_seconds": "longest",
    "history_events": "events",
    "history_bytes": "bytes",
    "attempts": "attempts",
}


def exposure(*, as_json: AsJson = False, url: Url = None) -> None:
    """Show what is captured, or may be, and reserved for orders that are not confirmed.

    A charge whose outcome is not known counts as captured. And show what sagas cost.
    """
    try:
        found = Api.at(url).get("/v1/exposure")
    except ApiError as error:
        raise fail(error) from error
    console = Console(soft_wrap=True, highlight=False)
    if as_json:
        console.print_json(data=found)
        return
    for line in summarize(found):
        console.print(line)
    console.print(make_table(found["costs"]))


def summarize(found: dict[str, Any]) -> list[str]:
    """The state of things in sentences."""
    admission = found["admission"]
    size = "any number" if admission["window"] is None else admission["window"]
    state = f"{admission['open']} are open, {admission['old']} of them for too long"
    return [
        f"{found['open_orders']} orders are open." + _cut(found),
        *_money(found),
        _stock(found),
        f"New orders are admitted while fewer than {size} sagas are open; {state}.",
    ]


def _money(found: dict[str, Any]) -> list[str]:
    if "payment" in found["not_answering"]:
        return [f"{CAPTURED}: not known, since payment does not answer."]
    lines = []
    for stake in found["money"]:
        since = (
            f"for {stake['orders']} of them, since {stake['oldest_seconds']:.0f} s at the longest"
        )
        lines.append(f"{CAPTURED}: {money(stake)}, {since}.")
    return lines or [f"{CAPTURED}: nothing."]


def _stock(found: dict[str, Any]) -> str:
    if "inventory" in found["not_answering"]:
        return "Held in stock: not known, since inventory does not answer."
    stock = found["stock"]
    held = f"{stock['pieces']} pieces for {stock['orders']} of them"
    ages = f"{stock['mean_seconds']:.0f} s on average, {stock['oldest_seconds']:.0f} s at the most"
    return f"Held in stock: {held}, for {ages}."


def _cut(found: dict[str, Any]) -> str:
    return "" if found["complete"] else " There are more, which are not looked at."


def make_table(costs: list[dict[str, Any]]) -> FittingTable:
    """Averages of one saga."""
    title = "What a saga cost, of those that ended last"
    table = FittingTable(*keep_whole(*COSTS.values()), title=title, keys=2)
    for cost in costs:
        table.add_row(*(_cell(cost[name]) for name in COSTS))
    return table


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"
