"""`saga trace`: one order from the gateway to the last statement, drawn in the terminal.

Reads what the processes of the local stack have written down; needs no server, nor the stack.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.names import workflow_id
from local_stack.envoy import ACCESS_LOG
from local_stack.errors import StackError
from local_stack.state_dir import StateDir, find_state_dir

if TYPE_CHECKING:
    from infrastructure.telemetry.span_files import KeptSpan
    from infrastructure.telemetry.waterfall import Row

NARROWEST, WIDEST = 10, 60  # of a bar
NAMES = 0.55  # of the terminal's width, at most
BESIDE = 16  # columns: milliseconds, and the gaps
STATEMENT = "db.query.text"


def trace(
    order: Annotated[str, typer.Argument(help="The order's id: ord_…")],
    *,
    state_dir: Annotated[Path, typer.Option(help="Where the stack keeps its data")] = Path(".saga"),
    sql: Annotated[bool, typer.Option(help="Show SQL statements too")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs")] = False,
) -> None:
    """Show where an order's time went: every request, step and statement, in one picture."""
    from infrastructure.telemetry.waterfall import rows  # noqa: PLC0415 - heavy

    layout = StateDir(find_state_dir(state_dir))
    traces = _traces(layout, {workflow_id(order)})
    if not traces:
        raise StackError(
            f"no trace of {order} in {layout.spans}: it was placed without `saga up`, with "
            "--no-tracing, or was not sampled, or its spans are too old to be kept"
        )
    drawn = [
        [row for row in rows(item) if sql or STATEMENT not in row.span.attributes]
        for item in traces
    ]
    if as_json:
        typer.echo(
            json.dumps([[row.span.model_dump() for row in item] for item in drawn], indent=2)
        )
        return
    console = Console()
    for item in drawn:
        console.print(make_table(item, console.width))
        for row in item:
            if row.span.error:
                console.print(Text(f"{row.label}: {row.span.error}", style="red"))


def _traces(layout: StateDir, workflows: set[str]) -> list[list["KeptSpan"]]:
    """The traces that started these workflows, the first first."""
    from infrastructure.envoy.access_log_spans import of_log  # noqa: PLC0415 - heavy
    from infrastructure.telemetry.span_files import of_workflows, read  # noqa: PLC0415 - heavy

    kept = [*read(layout.spans), *of_log(layout.log(ACCESS_LOG))]
    wanted = of_workflows(kept, workflows)
    found = [[span for span in kept if span.trace_id == name] for name in wanted]
    return sorted(found, key=lambda spans: min(span.start for span in spans))


def make_table(found: list["Row"], width: int) -> Table:
    """A line a span, with a bar. Where it is narrow, long names are cut, as a picture's are."""
    whole = max(row.offset + row.length for row in found)
    title = f"trace {found[0].span.trace_id}, {whole / 1e6:.1f} ms, {len(found)} spans"
    table = Table(title=title, box=None, pad_edge=False, title_justify="left")
    services = max(len(row.span.service) for row in found)
    left = width - services - BESIDE
    names = min(int(width * NAMES), left - NARROWEST, max(len(_name(row)) for row in found))
    bar = min(WIDEST, left - names)
    table.add_column("what", overflow="ellipsis", no_wrap=True, width=names)
    table.add_column("in", no_wrap=True)
    table.add_column("ms", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, width=bar)
    for row in found:
        style = "red" if row.span.failed else ""
        name = Text(_name(row), style=style)
        table.add_row(name, row.span.service, f"{row.length / 1e6:.1f}", _bar(row, whole, bar))
    return table


def _name(row: "Row") -> str:
    return "  " * row.depth + row.label


def _bar(row: "Row", whole: int, width: int) -> Text:
    before = min(width - 1, int(width * row.offset / (whole or 1)))
    length = max(1, min(width - before, round(width * row.length / (whole or 1))))
    return Text(" " * before + "█" * length, style="red" if row.span.failed else "cyan")
