"""`saga bench`: what an order costs, beside its peers, in one run on a stack of its own.

What it runs is heavy to import, so that is done when it is asked for.
"""

import asyncio
import logging
import tempfile
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.output import FittingTable
from local_stack.errors import StackError

if TYPE_CHECKING:
    from benchmarks.measure import BenchOptions
    from benchmarks.report.result import Results

PARTS = ("peers", "rest", "workers", "lines", "settings", "scale")
USUAL = PARTS[:-2]  # many settings take long, and filling databases does
QUICKLY = PARTS[:2]
SOAKED = "rest_wait"
MINUTES = {"s": 1 / 60, "m": 1.0, "h": 60.0}
EXTRA = ("dbos", "matplotlib")


def bench(
    parts: Annotated[
        list[str] | None,
        typer.Argument(help=f"Of {', '.join(PARTS)}; all but the last two if none"),
    ] = None,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only see that it works, in less than a minute")
    ] = False,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each subject")] = 5,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of a measurement")] = 4.0,
    only: Annotated[list[str] | None, typer.Option(help="Only this subject; repeatable")] = None,
    soak: Annotated[str, typer.Option(help="Instead, so long at half of saturation: 10m")] = "",
    half: Annotated[bool, typer.Option(help="Also at half of saturation")] = True,
    at_once: Annotated[int, typer.Option(min=0, help="So many at saturation; 0: 8 or 24")] = 0,
    count: Annotated[bool, typer.Option(help="Also count transactions, which takes time")] = True,
    out: Annotated[Path, typer.Option(help="Folder for bench.json, .png and .html")] = Path(
        "bench"
    ),
) -> None:
    """Measure an order beside its peers. Prints medians, costs, and which goals are met."""
    demand_extras()
    if soak:
        _soak(_minutes(soak), out)
        return
    from benchmarks.measure import AT_ONCE, QUICK, BenchOptions  # noqa: PLC0415 - heavy
    from benchmarks.subjects.registry import names  # noqa: PLC0415 - heavy

    wanted = names(parts or (QUICKLY if quick else USUAL), only or [])
    unknown = (set(parts or ()) - set(PARTS)) | (set(only or ()) - set(wanted))
    if unknown or not wanted:
        raise typer.BadParameter(f"there is no {', '.join(sorted(unknown))}")
    load = (at_once,) if at_once else AT_ONCE
    options = BenchOptions(rounds=rounds, seconds=seconds, at_once=load, half=half, count=count)
    options = QUICK if quick else options
    results = run(wanted, options)
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench.json").write_text(results.model_dump_json(indent=1))
    show(results, out)


def demand_extras() -> None:
    """StackError if the packages that only the benchmark needs are not there."""
    if missing := [name for name in EXTRA if util.find_spec(name) is None]:
        raise StackError(f"{' and '.join(missing)} is needed: run `make setup-bench`")


def run(wanted: list[str], options: "BenchOptions") -> "Results":
    """On a stack of its own, which is gone afterwards."""
    from benchmarks.run import bench as measure  # noqa: PLC0415 - heavy

    logging.getLogger("httpx2").setLevel(logging.WARNING)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder, console.status("starting") as status:
        return asyncio.run(measure(Path(folder) / "stack", wanted, options, status.update))


def show(results: "Results", out: Path) -> None:
    """Tables on the terminal, a picture and a page in the folder."""
    from benchmarks.report import plot, tables  # noqa: PLC0415 - heavy
    from benchmarks.report.goals import judge  # noqa: PLC0415 - heavy

    console = _wide()
    judged = list(judge(results.subjects, results.turns))
    for table in (tables.peers(results), tables.costs(results), tables.goals(judged)):
        console.print(FittingTable.of(table))
    for path in (out / "bench.json", *plot.write(results, out)):
        console.print(str(path))


def _minutes(text: str) -> float:
    number, unit = text[:-1], text[-1:]
    if unit not in MINUTES or not number.isdigit() or not int(number):
        raise typer.BadParameter("say how long, such as 90s, 10m or 1h")
    return int(number) * MINUTES[unit]


def _soak(minutes: float, out: Path) -> None:
    from benchmarks.report import tables  # noqa: PLC0415 - heavy
    from benchmarks.run import soak  # noqa: PLC0415 - heavy

    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder, console.status("starting") as status:
        found = asyncio.run(soak(Path(folder) / "stack", SOAKED, minutes, status.update))
    out.mkdir(parents=True, exist_ok=True)
    (out / "soak.json").write_text(found.model_dump_json(indent=1))
    for table in (tables.slices(found), tables.growth(found)):
        _wide().print(FittingTable.of(table))


def _wide() -> Console:
    """A console whose tables are not squeezed where there is no terminal."""
    return Console(width=None if Console().is_terminal else 220)
