"""`saga record`: records the golden histories of the next release anew. Needs no stack.

What it runs is heavy to import, so that is done when it is asked for.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from cli.operate import archive
from cli.temporary_databases import own_databases

if TYPE_CHECKING:
    from invariants.golden_recorder import RecordedHistory
    from invariants.golden_scenarios import Scenario

# Of what has not been released yet; a release gives it its number.
UNRELEASED = Path("tests/histories/unreleased")


def record(
    folder: Annotated[Path, typer.Argument(help="Where they go")] = UNRELEASED,
    *,
    only: Annotated[str, typer.Option(help="Only those whose name contains this")] = "",
    times: Annotated[
        int, typer.Option(min=1, help="Run each so often, and keep the shortest history")
    ] = 1,
) -> None:
    """Record golden histories anew: each ending of each saga, in each way of running it."""
    from invariants.golden_recorder import BrokenScenario  # noqa: PLC0415 - heavy
    from invariants.golden_scenarios import list_scenarios  # noqa: PLC0415 - heavy

    chosen = [scenario for scenario in list_scenarios() if only in scenario.file]
    if not chosen:
        raise typer.BadParameter(f"no history is called like {only}")
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)  # faults are what we make
    try:
        recorded = asyncio.run(_record(chosen, times))
    except BrokenScenario as error:
        typer.secho(f"nothing was written: {error}", fg="red", err=True)
        raise typer.Exit(1) from error
    _write(folder, recorded)
    typer.echo(f"{len(recorded)} recorded into {folder}")


async def _record(chosen: "Sequence[Scenario]", times: int) -> "list[RecordedHistory]":
    """With the services in this process, then over HTTP."""
    from invariants import golden_recorder  # noqa: PLC0415 - heavy
    from invariants.environment import running_order_world  # noqa: PLC0415 - heavy

    found: list[RecordedHistory] = []
    with Progress(console=Console(stderr=True)) as bar:
        advance = partial(bar.advance, bar.add_task("stories", total=len(chosen)))
        async with own_databases() as settings:
            for remote in (False, True):
                these = [scenario for scenario in chosen if scenario.remote is remote]
                async with running_order_world(settings, remote=remote) as world:
                    recording = golden_recorder.record(world, these, advance, times=times)
                    found += [history async for history in recording]
    return found


def _write(folder: Path, recorded: "Sequence[RecordedHistory]") -> None:
    """In the place of what was recorded under the same names; the rest stays."""
    said = {item["name"]: item for item in archive.manifest(folder)}
    kept = {
        item.name: item.history for path in archive.below(folder) for item in archive.read(path)
    }
    said |= {recording.scenario.file: _about(recording) for recording in recorded}
    kept |= {recording.scenario.file: recording.history for recording in recorded}
    archive.write(folder, [said[name] for name in sorted(said)], kept)


def _about(recorded: "RecordedHistory") -> dict[str, Any]:
    scenario = recorded.scenario
    return {
        "name": scenario.file,
        "saga": scenario.saga,
        "ending": scenario.ending,
        "story": scenario.description,
        "fast_path": scenario.fast,
        "stretch": scenario.stretch,
        "services": "over HTTP" if scenario.remote else "in process",
        "events": len(recorded.history["events"]),
    }
