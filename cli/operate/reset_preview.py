"""`saga reset-preview`: what a reset would run again, and what of it would have a new effect."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.client import Api
from cli.operate.batch import AsJson, Url
from cli.operate.errors import report_errors
from contracts.names import order_of
from contracts.workflow_io import find_saga_type

if TYPE_CHECKING:
    from temporalio.client import WorkflowHistory

ANSWERS = {
    "started": "goes on with what is begun",
    "done": "is answered from its store",
    "compensated": "is refused: it was undone",
    "tombstone": "is refused: its compensation came first",
}


@dataclass(frozen=True)
class Again:
    """A step that would run again: what its service would answer, and if that is a new effect."""

    step: str
    answer: str
    new_effect: bool


def reset_preview(
    which: Annotated[str, typer.Argument(help="ord_…, or a workflow's id")],
    *,
    to: Annotated[str, typer.Option("--to", help="first, last, or a workflow task's event id")] = (
        "first"
    ),
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show what a reset would do, and do nothing."""
    with report_errors():
        history = asyncio.run(_history(which))
        point = reset_point(history, to)
        records = Api.at(url).get(f"/v1/sagas/{history.workflow_id}/records")
        known = {record["step"]: record["state"] for record in records if record["op"] == "action"}
    again = list(steps_again(history, point, known))
    if as_json:
        typer.echo(
            json.dumps({"event_id": point, "steps": [vars(effect) for effect in again]}, indent=2)
        )
    else:
        _print(history, point, again)


async def _history(which: str) -> "WorkflowHistory":
    from cli.operate.histories import histories  # noqa: PLC0415 - heavy

    return (await anext(histories(which))).history


def reset_point(history: "WorkflowHistory", to: str) -> int:
    """The event id of the end of the workflow task to reset to. BadParameter if that is none."""
    from api.temporal.histories import reset_points  # noqa: PLC0415 - heavy

    tasks = reset_points(history)
    points = {"first": tasks[0], "last": tasks[-1]} if tasks else {}
    points |= {str(task): task for task in tasks}
    if to not in points:
        if not tasks:
            how = "Temporal cannot reset it, and saga audit carries it on"
            raise typer.BadParameter(f"no task of it has begun, so {how}")
        choices = ", ".join(map(str, tasks))
        raise typer.BadParameter(f"{to} is no workflow task that ended: first, last, or {choices}")
    return points[to]


def steps_again(history: "WorkflowHistory", point: int, known: dict[str, str]) -> Iterator[Again]:
    """The steps that were begun from the point on, in order, and what would come of them.

    `known` has the states of the actions on record, by step.
    """
    for step, reads in _begun_from(history, point).items():
        answer = ANSWERS.get(known.get(step, ""))
        if answer is None:
            yield Again(step, "reads again" if reads else "has a new effect", not reads)
        else:
            yield Again(step, answer, new_effect=False)


def _begun_from(history: "WorkflowHistory", point: int) -> dict[str, bool]:
    """Steps whose action was begun at or after this event; whether each has no effect."""
    from saga import StepKind  # noqa: PLC0415 - heavy
    from saga.step import activity_name  # noqa: PLC0415 - heavy
    from workflows.sagas import SAGAS  # noqa: PLC0415 - heavy

    started = history.events[0].workflow_execution_started_event_attributes
    kind = find_saga_type(started.workflow_type.name)
    steps = {activity_name(step.action): step for step in SAGAS[kind].definition} if kind else {}
    begun = [steps[activity] for activity in _activities(history, point) if activity in steps]
    return {step.name: step.kind is StepKind.READ for step in begun}


def _activities(history: "WorkflowHistory", point: int) -> Iterator[str]:
    """The names of the activities that were asked for from this event on, local ones too."""
    for event in history.events:
        if event.event_id < point:
            continue
        if event.HasField("activity_task_scheduled_event_attributes"):
            yield event.activity_task_scheduled_event_attributes.activity_type.name
        elif event.HasField("marker_recorded_event_attributes"):
            details = event.marker_recorded_event_attributes.details
            if "data" in details:
                marker = json.loads(details["data"].payloads[0].data)
                yield str(marker.get("activity_type", ""))


def _print(history: "WorkflowHistory", point: int, again: Sequence[Again]) -> None:
    table = Table("step", "would run again, and")
    for effect in again:
        table.add_row(
            effect.step, f"[bold red]{effect.answer}[/]" if effect.new_effect else effect.answer
        )
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{history.workflow_id}, reset to the workflow task at event {point}:")
    console.print(table if again else "No step would run again.")
    effects = sum(effect.new_effect for effect in again)
    console.print(f"{effects} new effects. Cancels and other words since then are applied again.")
    console.print(
        f"Do it: temporal workflow reset -w {history.workflow_id} --event-id {point} "
        f"--reason '…'  (order {order_of(history.workflow_id)})"
    )
