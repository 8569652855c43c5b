"""Records stories: runs each in the verifier's world, checks what it promises, keeps its history.

What is of this machine alone is taken out: who worked, and where the code was.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from unittest.mock import patch

from temporalio.client import WorkflowHandle, WorkflowHistory

from contracts.workflow_io import PlaceOrderInput
from invariants.audit import run_audited_scenario
from invariants.cases import OrderCase
from invariants.environment import OrderWorld
from invariants.golden_scenarios import Scenario
from invariants.subjects.place_order import PLACE_ORDER
from invariants.subjects.return_order import RETURN_ORDER
from invariants.subjects.stretch import with_stretch
from saga import SagaDefinition
from saga.verify.faults import WorkerMode
from saga.verify.run import Run
from saga.verify.subject import HASTE, Subject
from workflows.place_order import PlaceOrder

SUBJECTS = {item.name: item for item in (PLACE_ORDER, RETURN_ORDER)}
SIDE_BY_SIDE = 16
# Who worked, where the code was, and what no replay looks at.
LEFT_OUT = {"identity", "stackTrace", "binaryChecksum", "buildId"}
LEFT_OUT |= {"taskId", "requestId", "meteringMetadata", "historySizeBytes"}


class BrokenScenario(Exception):
    """A story did not go as it is told; the message says what of it is not true."""


@dataclass(frozen=True)
class RecordedHistory:
    """A story and its history, in the JSON that Temporal's tools write."""

    scenario: Scenario
    history: dict[str, Any]


async def record(
    world: OrderWorld,
    scenarios: Sequence[Scenario],
    ended: Callable[[], None],
    *,
    times: int = 1,
) -> AsyncIterator[RecordedHistory]:
    """Record all, side by side where they can be. BrokenScenario if one is not true.

    Each is run so many `times`, and the shortest history kept: a slow machine adds to it.
    """
    slots = asyncio.Semaphore(SIDE_BY_SIDE)
    alone = [item for item in scenarios if item.audited or item.schedule.mode is WorkerMode.HASTY]

    async def one(scenario: Scenario) -> RecordedHistory:
        async with slots:
            runs = [await _record(world, scenario) for _ in range(times)]
        ended()
        return min(runs, key=lambda run: len(run.history["events"]))

    for recorded in await asyncio.gather(*(one(item) for item in scenarios if item not in alone)):
        yield recorded
    for (
        scenario
    ) in alone:  # the deadline is one for the whole process; an audit looks at everything
        with patch.object(PlaceOrder, "definition", _definition(scenario)):
            yield await one(scenario)


def _definition(scenario: Scenario) -> SagaDefinition:
    is_hasty = scenario.schedule.mode is WorkerMode.HASTY
    return replace(PLACE_ORDER.definition, deadline=HASTE) if is_hasty else PLACE_ORDER.definition


async def _record(world: OrderWorld, scenario: Scenario) -> RecordedHistory:
    if scenario.audited:
        return RecordedHistory(
            scenario,
            portable(
                await _history(await run_audited_scenario(world, _subject(scenario), scenario))
            ),
        )
    run = Run(world, _subject(scenario), scenario.schedule)
    result = await run.result()
    if wrong := [*result.violations, *(f"{item} never struck" for item in result.unreached)]:
        raise BrokenScenario(f"{scenario.file}: {'; '.join(wrong)}\n" + "\n".join(result.diary))
    history = portable(await _history(run.handle))
    return RecordedHistory(
        scenario, before_update(history, scenario.open_at) if scenario.open_at else history
    )


async def _history(handle: WorkflowHandle[Any, Any]) -> dict[str, Any]:
    found: WorkflowHistory = await handle.fetch_history()
    return dict(json.loads(found.to_json()))


def _subject(scenario: Scenario) -> Subject:
    """The subject, whose order is placed as the story tells."""
    plain = SUBJECTS.get(scenario.saga, PLACE_ORDER)

    async def make(world: OrderWorld, _: bool) -> OrderCase:
        case = cast("OrderCase", await plain.make(world, scenario.fast))
        method = {"payment_method": scenario.method or "pm_card_visa"}
        order, argument = case.order.model_copy(update=method), case.argument
        if isinstance(argument, PlaceOrderInput):
            argument = argument.model_copy(update=method)
        if scenario.stretch:
            argument = with_stretch(argument)
        return replace(case, order=order, argument=argument)

    return replace(plain, make=make)


def portable(found: Any) -> Any:
    """A history, or a part of it, without what only says on which machine it was recorded."""
    if isinstance(found, dict):
        if found.get("kind") == "TASK_QUEUE_KIND_STICKY":
            return {"kind": found["kind"], "name": "sticky", "normalName": found["normalName"]}
        return {key: portable(row) for key, row in found.items() if key not in LEFT_OUT}
    return [portable(row) for row in found] if isinstance(found, list) else found


def before_update(history: dict[str, Any], name: str) -> dict[str, Any]:
    """The history as it was before the first Update of this name reached the workflow."""
    events = history["events"]
    accepted = next(
        number
        for number, event in enumerate(events)
        if _update_of(event).get("acceptedRequest", {}).get("input", {}).get("name") == name
    )
    tasks = (n for n in range(accepted, -1, -1) if _is(events[n], "WORKFLOW_TASK_SCHEDULED"))
    return {**history, "events": events[: next(tasks)]}


def _update_of(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = event.get("workflowExecutionUpdateAcceptedEventAttributes", {})
    return found


def _is(event: dict[str, Any], kind: str) -> bool:
    return bool(event["eventType"] == f"EVENT_TYPE_{kind}")
