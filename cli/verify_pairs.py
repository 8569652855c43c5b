"""`saga verify --concurrent`: sagas at once, by many orders of their calls. Needs no stack.

What it runs is heavy to import, so that is done when it is asked for.
"""

import asyncio
import json
from contextlib import nullcontext
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import typer
from rich.console import Console
from rich.progress import Progress

from cli.temporary_databases import own_databases

if TYPE_CHECKING:
    from saga.verify.concurrent.campaign import PairOptions, PairReport
    from saga.verify.concurrent.pair import Pair


class Grain(StrEnum):
    """What two take turns at."""

    CALLS = "calls"
    STATEMENTS = "statements"


class PairWords(NamedTuple):
    """How many orders a pair, how many faults, and orders of each; or one word, or some faults.

    `path`: how sagas run their activities; each in turn if it is none.
    """

    words: int
    faults: int
    faulty: int
    word: str
    fault: str
    path: str | None


def verify_pairs(only: str, seed: int, asked: PairWords, grain: Grain, *, as_json: bool) -> None:
    """Verify the pairs whose name contains `only`. Exit code 1 if something does not hold."""
    from invariants.pairs.registry import PAIRS  # noqa: PLC0415 - heavy
    from invariants.pairs.trios import TRIOS  # noqa: PLC0415 - heavy
    from saga.verify.concurrent import report as pages  # noqa: PLC0415 - heavy
    from saga.verify.concurrent.campaign import PairOptions  # noqa: PLC0415 - heavy
    from saga.verify.faults import ExecutionPath  # noqa: PLC0415 - heavy
    from saga.verify.quiet import expecting_faults  # noqa: PLC0415 - heavy

    pairs = [pair for pair in (*PAIRS, *TRIOS) if only in pair.name]
    if not pairs:
        names = "\n  ".join(pair.name for pair in (*PAIRS, *TRIOS))
        raise typer.BadParameter(f"no pair is left: loosen --only. There are\n  {names}")
    if not set(asked.word) <= {*"ABC"}:
        raise typer.BadParameter(f"{asked.word} is no word: its letters are A, B and C")
    with expecting_faults():
        options = PairOptions(
            asked.words,
            seed,
            asked.word,
            faults=asked.faults,
            faulty=asked.faulty,
            fault=asked.fault,
            path=ExecutionPath(asked.path) if asked.path else None,
        )
        reports = asyncio.run(_verify(pairs, options, grain))
    if not any(report.verdicts for report in reports):
        raise typer.BadParameter("no fault is left: loosen --fault")
    if as_json:
        typer.echo(json.dumps([pages.summarize(report) for report in reports], indent=2))
    else:
        command = "saga verify --concurrent"
        if grain is not Grain.CALLS:
            command += f" --grain {grain}"
        for report in reports:
            typer.echo(pages.tell(report, command))
        number = sum(report.interleavings for report in reports)
        faulty = sum(report.faulty for report in reports)
        seconds = sum(report.seconds for report in reports)
        counted = f"{number} interleavings of {len(reports)} pairs, {faulty} of them with a fault"
        typer.echo(f"{counted}, seed {seed}, in {seconds:.0f} s")
    raise typer.Exit(1 if any(report.failures for report in reports) else 0)


async def _verify(pairs: "list[Pair]", options: "PairOptions", grain: Grain) -> "list[PairReport]":
    from invariants.environment import running_order_world  # noqa: PLC0415 - heavy
    from invariants.pairs.statements import pause_at_statements  # noqa: PLC0415 - heavy
    from saga.verify.concurrent.campaign import verify_pair  # noqa: PLC0415 - heavy

    reports = []
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("pairs", total=len(pairs))
        async with own_databases() as settings:
            for pair in pairs:  # a fresh server each: one gets slower with what it has had
                async with running_order_world(settings) as world:
                    fine = grain is Grain.STATEMENTS
                    with pause_at_statements(world) if fine else nullcontext():
                        reports.append(await verify_pair(world, pair, options))
                bar.advance(task)
    return reports
