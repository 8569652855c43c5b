"""`saga stuck`: sagas that do not get on: why, since when, what is at stake, and what to do."""

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus

from cli.client import Api, ApiError
from cli.operate.batch import AsJson, Url
from cli.operate.case import DOWN, case_of
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
AT_ONCE = 8  # sagas that are looked into


@dataclass(frozen=True)
class Stuck:
    """One saga. Times are ISO 8601; money is in minor units, and stock in pieces.

    None is what is not known, since the service that knows does not answer.
    """

    saga_id: str
    kind: str
    why: str
    since: str
    money: int | None
    currency: str
    stock: int | None
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
        with ThreadPoolExecutor(AT_ONCE) as threads:
            rows = list(threads.map(lambda it: _row(api, *it), found))
    rows.sort(key=lambda it: (-(it.money or 0), it.since))
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
    ids: dict[str, None] = {}  # each once, in the order of the queries
    for query in queries:
        ids |= {it.id: None async for it in client.list_workflows(query, limit=MOST)}
    turns = asyncio.Semaphore(AT_ONCE)
    judged = await asyncio.gather(*(_judged(client, it, turns) for it in ids))
    return [it for it in judged if it is not None]


async def _judged(client: Client, saga_id: str, turns: asyncio.Semaphore) -> Found | None:
    """By the newest run of the workflow: one that was reset goes on in another."""
    async with turns:
        it = await client.get_workflow_handle(saga_id).describe()
        judged = judge(it, await failures(it))
        return (it, *judged) if judged is not None else None


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
    held, currency, stock = _stakes(api, order_id)
    advice = ADVICE[kind].format(saga=it.id, order=order_id)
    return Stuck(it.id, kind, why, it.start_time.isoformat(), held, currency, stock, advice)


def _stakes(api: Api, order_id: str) -> tuple[int | None, str, int | None]:
    """Money, its currency, and stock."""
    try:
        case = case_of(api, order_id, stakes_only=True)
    except ApiError as error:
        if error.status not in {404, DOWN}:
            raise
        return (0, "", 0) if error.status == 404 else (None, "", None)
    return case.money_held, case.order["total"]["currency"], case.stock_held


def _stake(it: Stuck) -> str:
    """In words."""
    if it.money is None:
        amount = "money is not known"
    else:
        amount = money({"minor": it.money, "currency": it.currency}) if it.money else "no money"
    return (
        f"{amount}, {'stock is not known' if it.stock is None else f'{it.stock} pieces of stock'}"
    )


def _print(rows: Sequence[Stuck]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for it in rows:
        console.print(f"[bold]{it.saga_id}[/] [red]{it.kind}[/] since {it.since}")
        console.print(f"  {escape(it.why)}")
        console.print(f"  at stake: {_stake(it)}")
        console.print(f"  → {escape(it.advice)}")
    console.print(f"{len(rows)} sagas do not get on" if rows else "all sagas get on")
