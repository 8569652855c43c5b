"""`saga stuck`: sagas that do not get on: why, since when, what is at stake, and what to do."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus

from cli.client import Api, ApiError
from cli.operate.batch import AsJson, Url
from cli.operate.case import case_of
from cli.operate.errors import told
from cli.operate.temporal import connect
from cli.order import money
from contracts.names import order_of

TYPES = "WorkflowType IN ('PlaceOrder', 'ReturnOrder')"
BAD_ENDS = {
    WorkflowExecutionStatus.TERMINATED,
    WorkflowExecutionStatus.TIMED_OUT,
    WorkflowExecutionStatus.FAILED,
}
ADVICE = {
    "blocked": "mend the cause, then: saga resolve STEP {saga} --action retry; "
    "see docs/runbooks/blocked.md",
    "problem": "its code fails: deploy what mends it, after saga replay {saga}; "
    "see docs/runbooks/deploy.md",
    "ended": "it was stopped from outside, and undid nothing: let it finish by temporal workflow "
    "reset -w {saga} --event-id 4 --reason …; see docs/runbooks/terminated.md",
    "retrying": "mend what it waits for; it goes on by itself",
    "slow": "look at saga explain {order}",
}
MOST = 500


@dataclass(frozen=True)
class Stuck:
    """One saga. Times are ISO 8601; money is in minor units, and stock in pieces."""

    saga_id: str
    kind: str
    why: str
    since: str
    money: int
    currency: str
    stock: int
    advice: str


def stuck(
    older: Annotated[
        int, typer.Option("--older-than", min=0, help="Seconds after which an open saga is late")
    ] = 60,
    *,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List sagas that do not get on, most money at stake first. Exit code 1 if there are any."""
    with told():
        found = asyncio.run(_find(timedelta(seconds=older)))
        api = Api.at(url)
        rows = [_row(api, it, kind, why) for it, kind, why in found]
    rows.sort(key=lambda it: (-it.money, it.since))
    if as_json:
        typer.echo(json.dumps([asdict(it) for it in rows], indent=2))
    else:
        _print(rows)
    raise typer.Exit(1 if rows else 0)


Found = tuple[WorkflowExecutionDescription, str, str]


async def _find(older: timedelta) -> list[Found]:
    client = await connect()
    late = (datetime.now(UTC) - older).isoformat()
    queries = (
        f"{TYPES} AND ExecutionStatus = 'Running' AND SagaState = 'blocked'",
        f"{TYPES} AND ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL",
        f"{TYPES} AND ExecutionStatus = 'Running' AND StartTime < '{late}'",
        f"{TYPES} AND ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed')",
    )
    found: dict[str, Found] = {}
    for query in queries:
        async for it in _described(client, query):
            if it.id not in found and (judged := judge(it, await failures(it))) is not None:
                found[it.id] = (it, *judged)
    return list(found.values())


async def _described(client: Client, query: str) -> AsyncIterator[WorkflowExecutionDescription]:
    """The newest run of each workflow that is found: one that was reset goes on in another."""
    async for it in client.list_workflows(query, limit=MOST):
        yield await client.get_workflow_handle(it.id).describe()


async def failures(it: WorkflowExecutionDescription) -> list[str]:
    """The last failure of each activity that is tried again, in words; they may be encrypted."""
    found = []
    for pending in it.raw_description.pending_activities:
        if pending.attempt > 1:
            error = await it.data_converter.decode_failure(pending.last_failure)
            what = f"{pending.activity_type.name} has failed {pending.attempt - 1} times: "
            found.append(what + getattr(error, "message", str(error)))
    return found


def judge(it: WorkflowExecutionDescription, failing: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with it, as a kind of ADVICE and in words; None if nothing is."""
    attributes = {pair.key.name: pair.value for pair in it.typed_search_attributes}
    if it.status in BAD_ENDS:
        return "ended", f"the workflow is {it.status.name.lower()}" if it.status else "ended"
    if it.status is not WorkflowExecutionStatus.RUNNING:
        return None
    if attributes.get("SagaState") == "blocked":
        return "blocked", f"blocked, last at {attributes.get('SagaStep', 'an unknown step')}"
    if problems := attributes.get("TemporalReportedProblems"):
        return "problem", f"the workflow's own code fails: {problems}"
    return ("retrying", failing[0]) if failing else ("slow", "open for long")


def _row(api: Api, it: WorkflowExecutionDescription, kind: str, why: str) -> Stuck:
    order_id = order_of(it.id)
    try:
        case = case_of(api, order_id, with_saga=False)
    except ApiError as error:
        if error.status != 404:
            raise
        held, currency, stock = 0, "", 0
    else:
        held, currency, stock = case.money_held, case.order["total"]["currency"], case.stock_held
    advice = ADVICE[kind].format(saga=it.id, order=order_id)
    return Stuck(it.id, kind, why, it.start_time.isoformat(), held, currency, stock, advice)


def _print(rows: Sequence[Stuck]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for it in rows:
        stake = money({"minor": it.money, "currency": it.currency}) if it.money else "no money"
        console.print(f"[bold]{it.saga_id}[/] [red]{it.kind}[/] since {it.since}")
        console.print(f"  {escape(it.why)}")
        console.print(f"  at stake: {stake}, {it.stock} pieces of stock")
        console.print(f"  → {escape(it.advice)}")
    console.print(f"{len(rows)} sagas do not get on" if rows else "all sagas get on")
