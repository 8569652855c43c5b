"""`saga replay`: runs recorded histories against the code in the working folder."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from cli.operate.errors import report_errors
from cli.operate.temporal import converter
from cli.output import mark

if TYPE_CHECKING:
    from temporalio.client import WorkflowHistory

    from cli.operate.histories import Named

# How the SDK's core words a difference; what it words otherwise is shown as it is.
SIDES = re.compile(r"TMPRL1100\] (?:Nondeterminism error: )?(?P<what>[^\"]*?)(?:\"|$)", re.DOTALL)
MESSAGES = re.compile(r"\bmessage: \"((?:[^\"\\]|\\.)+)\"")

ADVICE = (
    "What runs already would get stuck with this code. Guard the change by workflow.patched, or "
    "let what runs finish on workers of its own version: see docs/runbooks/deploy.md."
)


@dataclass(frozen=True)
class Replayed:
    """One replay. `difference` is what the code does otherwise than it is recorded, if anything.

    `name` is the workflow's id, or the history's name in an archive.
    """

    name: str
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
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)  # what it complains of is shown
    with report_errors():
        results = asyncio.run(_replay(which))
    show(results, as_json=as_json)


def show(results: Sequence[Replayed], *, as_json: bool) -> None:
    """Print them, and exit: with code 1 if one differs."""
    if as_json:
        typer.echo(json.dumps([vars(result) for result in results], indent=2))
    else:
        _print(results)
    raise typer.Exit(1 if any(result.difference for result in results) else 0)


async def _replay(which: str) -> list[Replayed]:
    from cli.operate.histories import histories  # noqa: PLC0415 - heavy

    return [item async for item in replay_histories(histories(which))]


async def replay_histories(
    histories: "AsyncIterator[Named]", workflows: Sequence[type[Any]] = ()
) -> AsyncIterator[Replayed]:
    """Replay each. `workflows` stand in the place of our own, for tests."""
    from workers.replay import of_its_run, replayer  # noqa: PLC0415 - heavy

    machine = replayer(workflows, converter())
    async for name, history in histories:
        result = await machine.replay_workflow(of_its_run(history), raise_on_replay_failure=False)
        failure = result.replay_failure
        yield Replayed(
            name=name,
            workflow_id=history.workflow_id,
            type=_type_of(history),
            events=len(history.events),
            difference=None if failure is None else difference(str(failure)),
        )


def _type_of(history: "WorkflowHistory") -> str:
    started = history.events[0].workflow_execution_started_event_attributes
    return str(started.workflow_type.name)


def difference(message: str) -> str:
    """The first difference, in the words of the SDK's core without their wrapping.

    On the fast path, a reply that is recorded may not fit what this code asks for in its place.
    That shows as an error of decoding.
    """
    if found := SIDES.search(message):
        return found["what"].strip()
    said = [item.split("\\n")[0] for item in MESSAGES.findall(message)]
    return f"what is recorded does not fit: {': '.join(said)}" if said else message.strip()


def _print(results: Sequence[Replayed]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for result in results:
        beside = mark(well=result.difference is None)
        console.print(f"{beside} {result.name} ({result.type}, {result.events} events)")
        if result.difference is not None:
            console.print(f"  {escape(result.difference)}")
    differing = sum(result.difference is not None for result in results)
    console.print(f"{len(results)} replayed, {differing} differ")
    if differing:
        console.print(ADVICE)
