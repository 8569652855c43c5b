"""`saga reset-preview`: what a reset would run, and what of it would have a new effect."""

import asyncio
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cli.client import Api
from cli.operate.batch import AsJson, Url
from cli.operate.errors import report_errors
from cli.operate.temporal import connect
from cli.output import FittingTable, keep_whole
from contracts.names import order_of
from contracts.workflow_io import find_saga_type

if TYPE_CHECKING:
    from temporalio.client import WorkflowHistory

    from saga import Step
    from saga.stretch.history import RecordedStretch

REFUSED = "is refused"
SETTLED = "is left as it is: an operator said {word} of it"
Words = Mapping[tuple[str, str | None], str]  # what was said of a step, and of what of it
BY_HAND = {"skip", "mark_done"}  # words that stand in every later run
ANSWERS = {
    "started": "goes on with what is begun",
    "done": "is answered from its store",
    "compensated": "is refused: it was undone",
    "tombstone": "is refused: its compensation came first",
}


@dataclass(frozen=True)
class Again:
    """A step that would run: what its service would answer, and if that may be a new effect."""

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
        history, stretches, at = asyncio.run(_history(which))
        point = reset_point(history, to)
        api, saga_id = Api.at(url), history.workflow_id
        records = api.get_items(f"/v1/sagas/{saga_id}/records")
        events = api.get_items(f"/v1/orders/{order_of(saga_id)}/events") if records else []
    known, undone = (
        {record["step"]: record["state"] for record in records if record["op"] == op}
        for op in ("action", "compensation")
    )
    said = read_words(events, saga_id)
    again = list(steps_again(history, point, known, undone, stretches, said=said))
    if as_json:
        typer.echo(
            json.dumps({"event_id": point, "steps": [vars(effect) for effect in again]}, indent=2)
        )
    else:
        _print(history, point, again, at)


async def _history(which: str) -> "tuple[WorkflowHistory, Sequence[RecordedStretch], str]":
    """A saga's history, the stretches in it as far as they can be read here, and where it is."""
    from temporalio.contrib.pydantic import pydantic_data_converter  # noqa: PLC0415 - heavy

    from activities.executions import connection_options  # noqa: PLC0415 - heavy
    from cli.operate.histories import histories, is_recorded  # noqa: PLC0415 - heavy
    from saga.stretch.history import read_stretches  # noqa: PLC0415 - heavy

    history = (await anext(histories(which))).history
    at = "" if is_recorded(which) else connection_options(await connect())
    return history, await read_stretches(history.events, pydantic_data_converter), at


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


def read_words(events: Sequence[Mapping[str, Any]], saga_id: str) -> Words:
    """What operators have settled of a saga, by an order's events: it stands in each later run."""
    return {
        (event["data"]["step"], event["data"].get("role")): event["data"]["action"]
        for event in events
        if event["data"].get("action") in BY_HAND
        and event["data"].get("saga_id", saga_id) == saga_id
    }


def steps_again(
    history: "WorkflowHistory",
    point: int,
    known: Mapping[str, str],
    undone: Mapping[str, str] | None = None,
    stretches: "Sequence[RecordedStretch]" = (),
    *,
    said: Words = MappingProxyType({}),
) -> Iterator[Again]:
    """The steps that would run from the point on, in order, and what would come of them.

    Those that this history never reached are among them: the saga goes on past where it was ended.
    `known` has the states of the actions on record, by step; `undone` those of compensations;
    `stretches` are those of the history, `said` what operators have settled.
    """
    from saga.step import activity_name  # noqa: PLC0415 - heavy
    from workflows.sagas import SAGAS  # noqa: PLC0415 - heavy

    started = history.events[0].workflow_execution_started_event_attributes
    kind = find_saga_type(started.workflow_type.name)
    steps = list(SAGAS[kind].definition) if kind else []
    ended = set(_find_ended_before(history, point))
    for stretch in stretches:
        if stretch.reply is not None and stretch.ended < point:
            ended |= {attempt.activity for attempt in stretch.reply.clean}
    back = {
        activity_name(each) for step in steps for each in (step.fence, step.compensation) if each
    }
    if not ended.isdisjoint(back):
        yield from _undo_again(steps, ended, known, undone or {}, said)
        return
    for step in steps:
        if activity_name(step.action) in ended:
            continue
        again = _act_again(step, known.get(step.name, ""), said)
        yield again
        if again.answer.startswith(REFUSED):  # then the saga is undone, which it was already
            return


def _act_again(step: "Step[Any, Any]", state: str, said: Words) -> Again:
    from saga import StepKind  # noqa: PLC0415 - heavy

    if word := said.get((step.name, "action")):
        return Again(step.name, SETTLED.format(word=word), new_effect=False)
    if (answer := ANSWERS.get(state)) is not None:
        return Again(step.name, answer, new_effect=state == "started")
    reads = step.kind is StepKind.READ
    return Again(step.name, "reads" if reads else "has a new effect", new_effect=not reads)


def _undo_again(
    steps: "Sequence[Step[Any, Any]]",
    ended: Collection[str],
    known: Mapping[str, str],
    undone: Mapping[str, str],
    said: Words,
) -> Iterator[Again]:
    """What is left of undoing, last first, where the saga was being undone at the point."""
    from saga.step import activity_name  # noqa: PLC0415 - heavy

    for step in reversed(steps):
        if step.compensation is None or activity_name(step.compensation) in ended:
            continue
        if word := said.get((step.name, "compensation")) or said.get((step.name, None)):
            yield Again(step.name, SETTLED.format(word=word), new_effect=False)
        elif undone.get(step.name) == "done":
            yield Again(step.name, "was undone; that is answered from its store", new_effect=False)
        elif known.get(step.name) in {"started", "done"} or step.concludes:
            yield Again(step.name, "is undone: a new effect", new_effect=True)


def _find_ended_before(history: "WorkflowHistory", point: int) -> Iterator[str]:
    """The names of the activities that had ended before this event, local ones too."""
    scheduled: dict[int, str] = {}
    for event in history.events:
        if event.event_id >= point:
            return
        if event.HasField("activity_task_scheduled_event_attributes"):
            name = event.activity_task_scheduled_event_attributes.activity_type.name
            scheduled[event.event_id] = name
        elif event.HasField("activity_task_completed_event_attributes"):
            yield scheduled[event.activity_task_completed_event_attributes.scheduled_event_id]
        elif event.HasField("marker_recorded_event_attributes"):
            marker = event.marker_recorded_event_attributes
            if "data" in marker.details and not marker.HasField("failure"):
                data = json.loads(marker.details["data"].payloads[0].data)
                yield str(data.get("activity_type", ""))


def _print(history: "WorkflowHistory", point: int, again: Sequence[Again], at: str) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{history.workflow_id}, reset to the workflow task at event {point}:")
    console.print(make_table(again) if again else "No step would run again.")
    effects = [effect.step for effect in again if effect.new_effect]
    named = f": {', '.join(effects)}" if effects else ""
    console.print(f"{len(effects)} new effects{named}.")
    console.print("Cancels and other words since then are applied again.")
    console.print(
        f"Do it: temporal workflow reset -w {history.workflow_id}{at} --event-id {point} "
        f"--reason '…'  (order {order_of(history.workflow_id)})"
    )


def make_table(again: Sequence[Again]) -> FittingTable:
    """A line a step that would run."""
    table = FittingTable(*keep_whole("step", "would run, and"))
    for effect in again:
        answer = f"[bold red]{effect.answer}[/]" if effect.new_effect else effect.answer
        table.add_row(effect.step, answer)
    return table
