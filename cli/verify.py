"""`saga verify`: breaks a saga at every point and checks what it promises. Needs no stack.

What it runs is heavy to import, so that is done when it is asked for.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from cli.output import FittingTable, keep_whole
from cli.temporary_databases import own_databases
from cli.verify_pairs import Grain, PairWords, verify_pairs
from contracts.workflow_io import SAGA_TYPES
from local_stack.options import Topology

if TYPE_CHECKING:
    from saga.verify.campaign import Environments, VerifyOptions
    from saga.verify.report import Report, Struck
    from saga.verify.subject import Subject

WIDE = 500
SAGAS = [kind.name for kind in SAGA_TYPES]


class WhichPath(StrEnum):
    """How a saga runs its activities, see docs/verifying.md."""

    REGULAR = "regular"
    FAST = "fast"
    STRETCH = "stretch"
    QUEUED_STRETCH = "queued-stretch"


def verify(
    saga: Annotated[
        str, typer.Argument(help="Which saga, or package.module:SUBJECT; all of ours if none")
    ] = "",
    *,
    pairs: Annotated[int, typer.Option(min=0, help="Also this many pairs of faults a saga")] = 0,
    triples: Annotated[int, typer.Option(min=0, help="… and this many triples")] = 0,
    seed: Annotated[int, typer.Option(help="Chooses the pairs and triples")] = 1,
    shard: Annotated[str, typer.Option(help="Run the i-th of n parts only")] = "1/1",
    only: Annotated[str, typer.Option(help="Only schedules whose name contains this")] = "",
    path: Annotated[
        WhichPath | None, typer.Option(help="On this path only; on all if not said")
    ] = None,
    topology: Annotated[
        Topology, typer.Option(help="Where the services are; `services`: called over HTTP")
    ] = Topology.MONOLITH,
    concurrent: Annotated[
        bool, typer.Option(help="Run two at once instead, by many orders of their calls")
    ] = False,
    words: Annotated[int, typer.Option(min=1, help="At most so many orders a pair")] = 240,
    faults: Annotated[
        int, typer.Option(min=0, help="… with so many faults of one of the two as well, by seed")
    ] = 4,
    faulty: Annotated[int, typer.Option(min=1, help="… and so many orders for each of them")] = 4,
    word: Annotated[str, typer.Option(help="This order alone, such as AABBAB")] = "",
    fault: Annotated[str, typer.Option(help="Only with faults whose name contains this")] = "",
    grain: Annotated[
        Grain, typer.Option(help="What two take turns at: whole calls, or their statements")
    ] = Grain.CALLS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs")] = False,
    html: Annotated[Path | None, typer.Option(help="Write the matrix to this file")] = None,
) -> None:
    """Break a saga at every point, and check what it promises. Exit code 1 if it does not hold."""
    if concurrent:
        asked = PairWords(words, faults, faulty, word, fault, path)
        verify_pairs(only, seed, asked, grain, as_json=as_json)
    subjects = _subjects(saga)
    from saga.verify.campaign import VerifyOptions  # noqa: PLC0415 - heavy
    from saga.verify.faults import ExecutionPath  # noqa: PLC0415 - heavy
    from saga.verify.quiet import expecting_faults  # noqa: PLC0415 - heavy

    options = VerifyOptions(
        pairs, triples, seed, only, ExecutionPath(path) if path else None, _shard(shard)
    )
    with expecting_faults():
        reports = asyncio.run(_verify(subjects, options, remote=topology is Topology.SERVICES))
    if not any(report.results for report in reports):
        raise typer.BadParameter("no schedule is left: loosen --only or --shard")
    _tell(reports, as_json=as_json)
    if html is not None:
        _write(html, reports)
    raise typer.Exit(1 if any(report.failures for report in reports) else 0)


def _subjects(options: str) -> "Sequence[Subject]":
    """The one that is asked for, or all of ours."""
    from invariants.subjects.registry import NoSubject, subjects  # noqa: PLC0415 - heavy
    from saga.verify.command import NoSubject as Unnamed  # noqa: PLC0415 - heavy
    from saga.verify.command import find_subject  # noqa: PLC0415 - heavy

    if options.partition(":")[0] and ":" in options:
        try:
            return (find_subject(options),)
        except Unnamed as error:
            raise typer.BadParameter(str(error)) from error
    if options not in {"", *SAGAS}:
        choices = f"{', '.join(SAGAS)}, or package.module:SUBJECT"
        raise typer.BadParameter(f"there is no saga {options}: choose from {choices}")
    try:
        return subjects(options)
    except NoSubject as error:
        raise typer.BadParameter(str(error)) from error


def _shard(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not (number.isdigit() and of.isdigit() and 1 <= int(number) <= int(of)):
        raise typer.BadParameter("say --shard i/n, with i from 1 to n")
    return int(number), int(of)


async def _verify(
    subjects: "Sequence[Subject]", options: "VerifyOptions", *, remote: bool
) -> "list[Report]":
    """On a PostgreSQL of its own, which is gone afterwards; or in the world that a subject has."""
    if len(subjects) == 1 and subjects[0].world is not None:
        if remote:
            raise typer.BadParameter("a subject with its own world says itself where services are")
        from saga.verify.environment.environment import running_environment  # noqa: PLC0415 - heavy

        return await _campaign(subjects, options, partial(running_environment, subjects[0]))
    async with own_databases() as settings:
        from infrastructure.temporal.codec_settings import PayloadSettings  # noqa: PLC0415 - heavy
        from infrastructure.temporal.data_converter import converter_of  # noqa: PLC0415 - heavy
        from invariants.environment import running_order_world  # noqa: PLC0415 - heavy

        converter = converter_of(PayloadSettings.of(), "default")
        worlds = partial(running_order_world, settings, remote=remote, converter=converter)
        return await _campaign(subjects, options, worlds)


async def _campaign(
    subjects: "Sequence[Subject]", options: "VerifyOptions", environments: "Environments"
) -> "list[Report]":
    from saga.verify import campaign  # noqa: PLC0415 - heavy

    with Progress(console=Console(stderr=True)) as bar:

        def progress(part: str, size: int) -> Callable[[], None]:
            return partial(bar.advance, bar.add_task(part, total=size))

        return await campaign.run(environments, subjects, options, progress)


def _tell(reports: "list[Report]", *, as_json: bool) -> None:
    from saga.verify.report import as_json as to_json  # noqa: PLC0415 - heavy

    if as_json:
        typer.echo(to_json(reports))
        return
    console = make_console()
    for report in reports:
        for path, struck in report.coverage.items():
            if struck:
                console.print(make_table(f"{report.subject}, {path} path", struck))
        for failure in report.failures:
            console.print(escape(report.story(failure)))
        paths = ", ".join(f"{number} {path}" for path, number in report.paths.items())
        console.print(f"{report.subject}: single faults by path: {paths}")
        console.print(f"{report.subject}: {len(report.failures)} failures, seed {report.seed}")
    for part, seconds in reports[0].seconds.items():
        several = part == "combinations"
        number = sum(
            (len(result.schedule.faults) > 1) is several for r in reports for result in r.results
        )
        console.print(f"[bold]{number} {part} in {seconds:.0f} s[/]")


def make_console() -> Console:
    """Piped, as wide as the matrix wants: 80 columns would cut its numbers off."""
    console = Console(soft_wrap=True, highlight=False)
    return console if console.is_terminal else Console(soft_wrap=True, highlight=False, width=WIDE)


def make_table(where: str, struck: "Counter[Struck]") -> FittingTable:
    """Numbers in the head, so that it fits on a terminal; the caption says what they stand for."""
    from saga.verify.report import matrix  # noqa: PLC0415 - heavy

    points, kinds = matrix(struck)
    numbers = keep_whole(*(str(number) for number in range(1, len(points) + 1)), right=True)
    title = f"{where}: runs in which a fault struck an activity"
    table = FittingTable(*keep_whole("fault"), *numbers, title=title)
    for kind in kinds:
        table.add_row(kind, *(str(struck[point, kind] or "") for point in points))
    table.caption = "  ".join(f"{number} {point}" for number, point in enumerate(points, start=1))
    return table


def _write(path: Path, reports: "list[Report]") -> None:
    from saga.verify.report import page  # noqa: PLC0415 - heavy

    path.write_text("\n".join(map(page, reports)))
