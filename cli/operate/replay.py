"""`saga replay`: runs recorded histories against the code in the working folder."""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from temporalio.client import WorkflowHistory

from cli.operate.errors import told
from cli.operate.histories import histories

# How the SDK's core words a difference; what it words otherwise is shown as it is.
SIDES = re.compile(r"TMPRL1100\] (?:Nondeterminism error: )?(?P<what>[^\"]*?)(?:\"|$)", re.DOTALL)


@dataclass(frozen=True)
class Replayed:
    """One replay. `difference` is what the code does otherwise than it is recorded, if anything."""

    workflow_id: str
    type: str
    events: int
    difference: str | None


def replay(
    which: Annotated[
        str, typer.Argument(help="ord_…, a workflow's id, a query, a file, a folder, or - (stdin)")
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs")] = False,
) -> None:
    """Run recorded histories against this code. Exit code 1 if it would do something else."""
    with told():
        results = asyncio.run(_replay(which))
    if as_json:
        typer.echo(json.dumps([vars(it) for it in results], indent=2))
    else:
        _print(results)
    raise typer.Exit(1 if any(it.difference for it in results) else 0)


async def _replay(which: str) -> list[Replayed]:
    from workers.replay import replayer  # noqa: PLC0415 - heavy

    found, machine = [], replayer()
    async for history in histories(which):
        result = await machine.replay_workflow(history, raise_on_replay_failure=False)
        failure = result.replay_failure
        found.append(_replayed(history, None if failure is None else difference(str(failure))))
    return found


def _replayed(history: WorkflowHistory, difference: str | None) -> Replayed:
    started = history.events[0].workflow_execution_started_event_attributes
    name = started.workflow_type.name
    return Replayed(history.workflow_id, name, len(history.events), difference)


def difference(message: str) -> str:
    """The first difference, in the words of the SDK's core without their wrapping."""
    found = SIDES.search(message)
    return (found["what"] if found else message).strip()


def _print(results: Sequence[Replayed]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for it in results:
        if it.difference is None:
            console.print(f"[green]✓[/] {it.workflow_id} ({it.type}, {it.events} events)")
        else:
            console.print(f"[red]✗[/] {it.workflow_id} ({it.type}, {it.events} events)")
            console.print(f"  {escape(it.difference)}")
    differing = sum(it.difference is not None for it in results)
    console.print(f"{len(results)} replayed, {differing} differ")
