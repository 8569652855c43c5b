"""`saga cost`: what a saga costs on Temporal, counted in histories. Needs no stack."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.operate.batch import AsJson
from cli.operate.errors import report_errors

if TYPE_CHECKING:
    from cli.cost.actions import Cost
    from cli.cost.stories import StoryCost

# The repository's: what CI compares with, and the page that shows it.
KEPT = Path("docs/reference/cost.json")
RECORDED = Path("tests/histories/unreleased")
PAGE = Path("docs/cost.md")
BEGIN, END = "<!-- saga cost: begin -->\n", "<!-- saga cost: end -->"


def show_cost(
    which: Annotated[
        str,
        typer.Argument(
            metavar="[ORDER | WORKFLOW | QUERY | PATH]",
            help="Histories to count in; the golden ones if none are given",
        ),
    ] = "",
    *,
    update: Annotated[
        bool, typer.Option("--update", help=f"Write {KEPT} and the table of {PAGE} anew")
    ] = False,
    bench: Annotated[
        Path | None,
        typer.Option("--bench", help="A bench.json: show transactions and CPU of confirmed orders"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show Actions on Temporal Cloud, events and bytes: of each ending, or of some histories.

    Exit code 1 if an ending is dearer than docs/reference/cost.json says.
    """
    if bench is not None:
        _show_bench(bench)
    elif which:
        with report_errors():
            found = asyncio.run(_measure(which))
        _show_histories(found, as_json=as_json)
    else:
        _show_endings(update=update, as_json=as_json)


def _show_endings(*, update: bool, as_json: bool) -> None:
    from cli.cost import stories  # noqa: PLC0415 - heavy

    if not RECORDED.exists():
        raise typer.BadParameter(f"{RECORDED} is not here: run it in the repository")
    costs = stories.read_costs(RECORDED)
    if update:
        write(costs, KEPT, PAGE)
        return
    now = stories.to_json(costs)
    if as_json:
        typer.echo(json.dumps(now, indent=2))
    else:
        from cli.cost.tables import yield_tables  # noqa: PLC0415 - heavy

        for table in yield_tables(costs):
            _console().print(table)
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else []
    dearer, _ = stories.list_differences(kept, now)
    for line in dearer:
        typer.secho(f"dearer: {line}", fg="red", err=True)
    raise typer.Exit(1 if dearer else 0)


def write(costs: "Sequence[StoryCost]", kept: Path, page: Path) -> None:
    """Keep these as what endings cost: the file, and the table between the marks of the page."""
    from cli.cost.stories import to_json  # noqa: PLC0415 - heavy

    kept.write_text(json.dumps(to_json(costs), indent=1) + "\n")
    text = page.read_text()
    before, (_, after) = text.partition(BEGIN)[0], text.partition(END)[1:]
    page.write_text(f"{before}{BEGIN}{make_section(costs)}{END}{after}")


def make_section(costs: "Sequence[StoryCost]") -> str:
    """What stands between the page's marks."""
    from cli.cost.tables import to_markdown  # noqa: PLC0415 - heavy

    return f"\n{to_markdown(costs)}\n"


async def _measure(which: str) -> "list[tuple[str, Cost]]":
    from cli.cost.actions import measure_cost  # noqa: PLC0415 - heavy
    from cli.operate.histories import histories  # noqa: PLC0415 - heavy

    return [(name, measure_cost(found.events)) async for name, found in histories(which)]


def _show_histories(found: "Sequence[tuple[str, Cost]]", *, as_json: bool) -> None:
    from cli.cost.tables import make_table_of_histories  # noqa: PLC0415 - heavy

    if as_json:
        rows = [{"name": name, **asdict(cost)} for name, cost in found]
        typer.echo(json.dumps(rows, indent=2))
    else:
        _console().print(make_table_of_histories(found))


def _show_bench(path: Path) -> None:
    from benchmarks.report.result import Results  # noqa: PLC0415 - heavy
    from cli.cost.tables import make_table_of_bench  # noqa: PLC0415 - heavy

    _console().print(make_table_of_bench(Results.model_validate_json(path.read_text())))


def _console() -> Console:
    """As wide as the terminal; 80 columns where there is none."""
    return Console(width=None if Console().is_terminal else 80)
