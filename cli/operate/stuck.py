"""`saga stuck`: sagas that are stuck: why, since when, what is at stake, and what to do."""

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli.client import Api, ApiError
from cli.operate.batch import AsJson, Url
from cli.operate.errors import report_errors
from cli.operate.order_details import DOWN
from cli.operate.temporal import connect
from contracts.base import format_money
from contracts.names import order_of

if TYPE_CHECKING:
    from activities.executions import Execution
    from api.temporal.stuck_sagas import Found
    from api.temporal.troubles import Trouble

AT_ONCE = 8  # orders that the API is asked for


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


def list_stuck_sagas(
    older: Annotated[
        int, typer.Option("--older-than", min=0, help="Seconds after which an open saga is late")
    ] = 60,
    *,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List sagas that are stuck, most money at stake first. Exit code 1 if there are any.

    One that waits for a person or a partner is none of them before that one's time is up.
    """
    with report_errors():
        found = asyncio.run(_find(timedelta(seconds=older)))
        api = Api.at(url)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            rows = list(threads.map(lambda one: _row(api, *one), found))
    rows.sort(key=lambda it: (-(it.money or 0), it.since))
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        _print(rows)
    raise typer.Exit(1 if rows else 0)


async def _find(older: timedelta) -> "list[Found]":
    from api.temporal.stuck_sagas import find_stuck  # noqa: PLC0415 - heavy

    return await find_stuck(await connect(), late=older)


def _row(api: Api, saga: "Execution", trouble: "Trouble") -> Stuck:
    held, currency, stock = _stakes(api, saga.id)
    since = saga.start_time.isoformat()
    why, advice = trouble.why, trouble.way_out
    return Stuck(saga.id, trouble.kind, why, since, held, currency, stock, advice)


def _stakes(api: Api, saga_id: str) -> tuple[int | None, str, int | None]:
    """Money, its currency, and stock."""
    try:
        story = api.get(f"/v1/orders/{order_of(saga_id)}/story")
    except ApiError as error:
        if error.status not in {404, DOWN}:
            raise
        return (0, "", 0) if error.status == 404 else (None, "", None)
    staked = story["money"]["at_stake"]
    if staked is None:
        return None, "", story["stock"]["pieces"]
    return staked["minor"], staked["currency"], story["stock"]["pieces"]


def _stake(it: Stuck) -> str:
    """In words."""
    if it.money is None:
        amount = "money is not known"
    else:
        amount = format_money(it.money, it.currency) if it.money else "no money"
    return (
        f"{amount}, {'stock is not known' if it.stock is None else f'{it.stock} pieces of stock'}"
    )


def _print(rows: Sequence[Stuck]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for row in rows:
        console.print(f"[bold]{row.saga_id}[/] [red]{row.kind}[/] since {row.since}")
        console.print(f"  {escape(row.why)}")
        console.print(f"  at stake: {_stake(row)}")
        console.print(f"  → {escape(row.advice)}")
    console.print(f"{len(rows)} sagas are stuck" if rows else "no saga is stuck")
