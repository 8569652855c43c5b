"""`saga verify`: breaks a saga at every point and checks what it promises. Needs no stack.

What it runs is heavy to import, so that is done when it is asked for.
"""

import asyncio
import logging
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

if TYPE_CHECKING:
    from infrastructure.settings import DatabaseSettings
    from verifier.report import Report

SAGAS = ("PlaceOrder",)


@dataclass(frozen=True)
class Asked:
    """What the command line asks for. `shard` is (i, n), i from 1."""

    sagas: tuple[str, ...]
    pairs: int
    seed: int
    only: str
    shard: tuple[int, int]


def verify(
    saga: Annotated[str, typer.Argument(help="Which saga; all if none is named")] = "",
    *,
    pairs: Annotated[int, typer.Option(min=0, help="Also this many pairs of faults")] = 0,
    seed: Annotated[int, typer.Option(help="Chooses the pairs")] = 1,
    shard: Annotated[str, typer.Option(help="Run the i-th of n parts only")] = "1/1",
    only: Annotated[str, typer.Option(help="Only schedules whose name contains this")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs")] = False,
    html: Annotated[Path | None, typer.Option(help="Write the matrix to this file")] = None,
) -> None:
    """Break a saga at every point, and check what it promises. Exit code 1 if it does not hold."""
    if saga not in {"", *SAGAS}:
        raise typer.BadParameter(f"there is no saga {saga}: choose from {', '.join(SAGAS)}")
    asked = Asked((saga,) if saga else SAGAS, pairs, seed, only, _shard(shard))
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)  # faults are what we make
    reports = asyncio.run(_verify(asked))
    _tell(reports, as_json=as_json)
    if html is not None:
        _write(html, reports)
    raise typer.Exit(1 if any(report.failures for report in reports) else 0)


def _shard(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not (number.isdigit() and of.isdigit() and 1 <= int(number) <= int(of)):
        raise typer.BadParameter("say --shard i/n, with i from 1 to n")
    return int(number), int(of)


async def _verify(asked: Asked) -> "list[Report]":
    """On a PostgreSQL of its own, which is gone afterwards."""
    from cli.stack.databases import OWNER  # noqa: PLC0415 - heavy
    from cli.stack.ports import free_port  # noqa: PLC0415 - heavy
    from cli.stack.postgres import Postgres  # noqa: PLC0415 - heavy
    from infrastructure.settings import DatabaseSettings  # noqa: PLC0415 - heavy
    from services.migrate import migrate  # noqa: PLC0415 - heavy

    with tempfile.TemporaryDirectory() as folder:
        postgres = Postgres.at(Path(folder), free_port())
        await postgres.start()
        try:
            urls = {f"{it}_database_url": postgres.url(role) for it, role in OWNER.items()}
            settings = DatabaseSettings.model_validate(urls)
            await migrate(settings)
            return await _campaign(asked, settings)
        finally:
            await postgres.stop()
            postgres.remove()


async def _campaign(asked: Asked, settings: "DatabaseSettings") -> "list[Report]":
    from verifier import campaign  # noqa: PLC0415 - heavy
    from verifier.place_order import PLACE_ORDER  # noqa: PLC0415 - heavy
    from verifier.report import Report  # noqa: PLC0415 - heavy
    from verifier.world import running_world  # noqa: PLC0415 - heavy

    reports = []
    async with running_world(settings) as world:
        for subject in (it for it in (PLACE_ORDER,) if it.name in asked.sagas):
            plan = await campaign.plan(world, subject)
            schedules = [*plan.singles(), *plan.pairs(asked.pairs, asked.seed)]
            chosen = campaign.select(schedules, asked.only, asked.shard)
            began = time.monotonic()
            with Progress(console=Console(stderr=True)) as progress:
                advance = partial(
                    progress.advance, progress.add_task(subject.name, total=len(chosen))
                )
                results = await campaign.verify(world, subject, chosen, advance)
            seconds = time.monotonic() - began
            reports.append(Report(subject.name, results, seconds, asked.seed))
    return reports


def _tell(reports: "list[Report]", *, as_json: bool) -> None:
    from verifier.report import as_json as to_json  # noqa: PLC0415 - heavy
    from verifier.report import story  # noqa: PLC0415 - heavy

    if as_json:
        typer.echo(to_json(reports))
        return
    console = Console(soft_wrap=True, highlight=False)
    for report in reports:
        console.print(_table(report))
        for failure in report.failures:
            console.print(escape(story(report.subject, failure, report.seed)))
        console.print(
            f"{report.subject}: {len(report.results)} schedules in {report.seconds:.1f} s, "
            f"seed {report.seed}, [bold]{len(report.failures)} failures[/]"
        )


def _table(report: "Report") -> Table:
    from verifier.report import matrix  # noqa: PLC0415 - heavy

    sites, kinds = matrix(report)
    table = Table(title=f"{report.subject}: runs in which a fault struck an activity")
    table.add_column("fault")
    for site in sites:
        table.add_column(site.activity, justify="right")
    for kind in kinds:
        table.add_row(kind, *(str(report.coverage[site, kind] or "") for site in sites))
    return table


def _write(path: Path, reports: "list[Report]") -> None:
    from verifier.report import page  # noqa: PLC0415 - heavy

    path.write_text("\n".join(map(page, reports)))
