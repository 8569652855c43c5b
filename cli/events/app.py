"""The commands of `saga events`."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from cli.events import settings as places
from cli.events.aside import aside, subscriptions
from cli.output import FittingTable, keep_whole

if TYPE_CHECKING:
    from infrastructure.messaging.inbox import DeadLetter
    from services.order.projection import Difference

app = typer.Typer(help="Look after events, and what is made of them.", no_args_is_help=True)
dead = typer.Typer(help="Events that a consumer could not handle.", no_args_is_help=True)
app.add_typer(dead, name="dead")
app.add_typer(aside, name="aside")
app.add_typer(subscriptions, name="subscriptions")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]
SHOWN = 20


class Projection(StrEnum):
    """What is made of the event store."""

    ORDERS = "orders"


@app.command()
def rebuild(
    projection: Annotated[Projection, typer.Argument(help="What to make anew")],
    as_json: AsJson = False,
) -> None:
    """Make a read model anew from the events, order by order; nothing has to stop for it."""
    wrong = asyncio.run(_go_through(projection, mend=True, quiet=as_json))
    if as_json:
        typer.echo(json.dumps([_to_row(finding) for finding in wrong]))
        return
    orders = len({finding.order_id for finding in wrong})
    Console().print(f"{projection} is what the events say; {orders} were corrected")


@app.command()
def check(as_json: AsJson = False) -> None:
    """Compare the read model with the fold of the events. Exit code 1 if they differ."""
    wrong = asyncio.run(_go_through(Projection.ORDERS, mend=False, quiet=as_json))
    if as_json:
        typer.echo(json.dumps([_to_row(finding) for finding in wrong]))
    for order in [] if as_json else wrong[:SHOWN]:
        Console().print(
            f"{order.order_id} {order.column}: {order.row!r}, but by its events {order.fold!r}"
        )
    if wrong and not as_json:
        Console().print(f"{len(wrong)} differences; `saga events rebuild orders` corrects them")
    elif not as_json:
        Console().print("orders is what the events say")
    raise typer.Exit(1 if wrong else 0)


@app.command()
def republish(
    since: Annotated[datetime, typer.Option(help="When the restored bus was last whole, in UTC")],
) -> None:
    """Publish again what was published since, to a bus that was restored or lost.

    Consumers do nothing for what they have handled.
    """
    again = asyncio.run(_republish(since.replace(tzinfo=since.tzinfo or UTC)))
    Console().print(f"{again} published anew")


@dead.command("list")
def list_dead(as_json: AsJson = False) -> None:
    """List them, oldest first."""
    letters = asyncio.run(_dead_letters())
    if as_json:
        typer.echo(json.dumps([letter.model_dump(mode="json") for letter in letters]))
        return
    Console().print(make_table(letters) if letters else "no event is dead")


def make_table(letters: "Sequence[DeadLetter]") -> FittingTable:
    """A line a letter; its error is wrapped."""
    columns = keep_whole("id", "consumer", "event", "subject", "attempts", "died")
    table = FittingTable(*columns, "error")
    for letter in letters:
        what = (*_read_type_and_subject(letter.event), str(letter.attempts))
        when = f"{letter.died_at:%Y-%m-%d %H:%M}"
        table.add_row(str(letter.id), letter.consumer, *what, when, escape(letter.error))
    return table


@dead.command()
def replay(
    letter: Annotated[int | None, typer.Argument(help="Its id, or all without")] = None,
) -> None:
    """Publish them anew; consumers that had handled them do nothing."""
    replayed = asyncio.run(_replay(letter))
    Console().print(f"{replayed} published anew")


async def _go_through(projection: Projection, *, mend: bool, quiet: bool) -> "list[Difference]":
    from infrastructure.postgres.database import Database  # noqa: PLC0415 - heavy
    from services.order.projection import OrderProjection  # noqa: PLC0415 - heavy

    database = Database(places.order_database(), pool_size=2)
    try:
        orders = OrderProjection(database)
        total = await orders.count()
        going = orders.rebuild() if mend else orders.check()
        return await _with_bar(going, f"{projection}", total, quiet=quiet)
    finally:
        await database.close()


async def _with_bar(
    going: "AsyncIterator[list[Difference]]", name: str, total: int, *, quiet: bool
) -> "list[Difference]":
    wrong: list[Difference] = []
    with Progress(console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task(name, total=total)
        async for found in going:
            wrong += found
            bar.advance(task)
    return wrong


async def _republish(since: datetime) -> int:
    from infrastructure.postgres.database import Database  # noqa: PLC0415 - heavy
    from relay.catching_up import publish_since  # noqa: PLC0415 - heavy
    from relay.relays import OUTBOXES  # noqa: PLC0415 - heavy

    again = 0
    for service, url in places.service_databases().items():
        database = Database(url, pool_size=1)
        try:
            again += await publish_since(OUTBOXES[service].outbox, database, since)
        finally:
            await database.close()
    return again


async def _dead_letters() -> "list[DeadLetter]":
    from infrastructure.messaging.inbox import DeadLetters  # noqa: PLC0415 - heavy
    from infrastructure.postgres.database import Database  # noqa: PLC0415 - heavy
    from services.event.tables import inbox  # noqa: PLC0415 - heavy

    database = Database(places.event_settings().event_database_url, pool_size=1)
    try:
        return await DeadLetters(database, inbox).list()
    finally:
        await database.close()


async def _replay(letter: int | None) -> int:
    from infrastructure.messaging.inbox import DeadLetters  # noqa: PLC0415 - heavy
    from infrastructure.postgres.database import Database  # noqa: PLC0415 - heavy
    from services.event.tables import inbox  # noqa: PLC0415 - heavy
    from services.event.wiring import open_bus  # noqa: PLC0415 - heavy

    settings = places.event_settings()
    database = Database(settings.event_database_url, pool_size=1)
    try:
        letters = DeadLetters(database, inbox)
        wanted = [item.id for item in await letters.list()] if letter is None else [letter]
        async with open_bus(settings) as bus:
            for name in wanted:
                await letters.replay(name, bus)
        return len(wanted)
    finally:
        await database.close()


def _to_row(it: "Difference") -> dict[str, Any]:
    values = {"row": it.row, "fold": it.fold}
    return {"order_id": it.order_id, "column": it.column} | {k: str(v) for k, v in values.items()}


def _read_type_and_subject(event: Any) -> tuple[str, str]:
    """Type and subject of what is stored as an event, if it has them."""
    known = event if isinstance(event, dict) else {}
    return str(known.get("type", "-")), str(known.get("subject", "-"))
