"""`saga stuck`: sagas that are stuck: why, since when, what is at stake, and what to do."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from cli.client import Api
from cli.operate.batch import AsJson, Url
from cli.operate.errors import report_errors
from contracts.money.formatting import format_money

MOST, LATEST = 500, 86400  # sagas, and seconds, that the API takes
PATIENCE = 60.0  # seconds: each saga is looked into
AT_ONCE = 5.0  # seconds for an answer that needs nobody else


@dataclass(frozen=True)
class Stuck:
    """One saga. Times are ISO 8601; money is in minor units, and stock in pieces.

    None is what is not known, since the service that knows does not answer. `missing` is money that
    a confirmed order lacks.
    """

    saga_id: str
    kind: str
    why: str
    since: str
    money: int | None
    currency: str
    stock: int | None
    advice: str
    missing: int = 0


def list_stuck_sagas(
    older: Annotated[
        int | None,
        typer.Option("--older-than", min=0, help="Seconds after which an open saga is late, or 60"),
    ] = None,
    *,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List sagas that are stuck, most money at stake first. Exit code 1 if there are any.

    One that waits for a person or a partner is none of them before that one's time is up.
    """
    with report_errors():
        late = None if older is None else min(older, LATEST)  # None: the API says
        asked = {"attention": True, "late": late, "limit": MOST}
        Api.at(url, patience=AT_ONCE).get("/health/live")  # or it answers nothing at all
        listed = Api.at(url, patience=PATIENCE).get_items("/v1/sagas", **asked)
        rows = [_row(found) for found in listed]
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        _print(rows)
    raise typer.Exit(1 if rows else 0)


def _row(found: dict[str, Any]) -> Stuck:
    trouble, stake = found["trouble"], found["stake"]
    money = stake["money"]
    return Stuck(
        saga_id=found["saga_id"],
        kind=trouble["kind"],
        why=trouble["why"],
        since=trouble["since"],
        money=money["minor"] if money else None,
        currency=money["currency"] if money else "",
        stock=stake["pieces"],
        advice=trouble["way_out"],
        missing=stake["missing"]["minor"] if stake.get("missing") else 0,
    )


def _stake(it: Stuck) -> str:
    """In words."""
    if it.money is None:
        amount = "money is not known"
    elif it.missing:
        amount = f"{format_money(it.missing, it.currency)} is missing"
    elif it.money:
        amount = f"{format_money(it.money, it.currency)} captured, or may be"
    else:
        amount = "no money"
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
    number = "1 saga is" if len(rows) == 1 else f"{len(rows) or 'no'} sagas are"
    console.print(f"{number} stuck" if rows else "no saga is stuck")
