"""Costs for eyes: on a terminal of 80 columns, and in a page."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.report.result import Results
from cli.cost.actions import Cost
from cli.cost.stories import StoryCost
from cli.output import FittingTable, keep_whole

PATHS = {True: "On the fast path", False: "By the queues"}
COLUMNS = ("Actions", "events", "kB")
COMPACT: dict[str, Any] = {
    "title_justify": "left",
    "box": SIMPLE_HEAD,
    "padding": (0, 1, 0, 0),
    "show_edge": False,
}


def yield_tables(costs: Sequence[StoryCost]) -> Iterator[Table]:
    """One with the fast path and one without: step by step, and with stretches beside it."""
    for fast, title in PATHS.items():
        table = Table(title=f"{title}: step by step, and with stretches", **COMPACT)
        table.add_column("", no_wrap=True)
        for name in (*COLUMNS, *COLUMNS):
            table.add_column(name, justify="right", no_wrap=True)
        shown = ""
        for saga, story, cells in _yield_rows(costs, fast):
            if saga != shown:
                table.add_row(f"[bold]{saga}[/]")
            table.add_row(story, *cells)
            shown = saga
        yield table


def to_markdown(costs: Sequence[StoryCost]) -> str:
    """The same for a page, with the ending of each."""
    lines = []
    for fast, title in PATHS.items():
        plain, stretch = "step by step", "with stretches"
        names = [f"{name}, {way}" for way in (plain, stretch) for name in COLUMNS]
        lines += [f"### {title}", "", "| saga: story | " + " | ".join(names) + " |"]
        lines.append("|---|" + "--:|" * len(names))
        for saga, story, cells in _yield_rows(costs, fast):
            lines.append(f"| {saga}: {story} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def make_table_of_histories(found: Sequence[tuple[str, Cost]]) -> FittingTable:
    """Of single histories, and what their Actions are for."""
    table = FittingTable(*keep_whole("history"), *keep_whole(*COLUMNS, right=True), "Actions of")
    for name, cost in found:
        kinds = ", ".join(f"{kind} {count}" for kind, count in cost.by_kind.items())
        table.add_row(name, *_cells(cost), kinds)
    return table


def make_table_of_bench(results: Results) -> FittingTable:
    """What `saga bench` has counted of one confirmed order, or whatever a subject runs."""
    counts = keep_whole("CPU ms", "transactions", "persistence", right=True)
    table = FittingTable("subject", *counts)
    for subject in results.subjects.values():
        cost = subject.cost
        counted = (cost.transactions, cost.persistence) if cost else (None, None)
        cells = ("" if value is None else f"{value:.1f}" for value in counted)
        table.add_row(subject.title, f"{subject.cpu_ms.median:.1f}", *cells)
    return table


def _yield_rows(costs: Sequence[StoryCost], fast: bool) -> Iterator[tuple[str, str, list[str]]]:
    of_path = [row for row in costs if row.fast_path is fast]
    for saga, story in dict.fromkeys((row.saga, row.story) for row in of_path):
        ways = {row.stretch: row.cost for row in of_path if (row.saga, row.story) == (saga, story)}
        cells = [cell for stretch in (False, True) for cell in _cells(ways.get(stretch))]
        yield saga, story, cells


def _cells(cost: Cost | None) -> list[str]:
    if cost is None:
        return [""] * len(COLUMNS)
    return [str(cost.actions), str(cost.events), f"{cost.size / 1000:.1f}"]
