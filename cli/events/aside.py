"""`saga events aside` and `saga events subscriptions`: what was left out, and who is behind."""

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli.events import settings
from cli.output import FittingTable, keep_whole

if TYPE_CHECKING:
    from infrastructure.messaging.bus import Lag
    from infrastructure.messaging.set_aside import AsideEvent

aside = typer.Typer(help="Events that a relay could not publish.", no_args_is_help=True)
subscriptions = typer.Typer(help="Who consumes events, and how far.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]


@aside.command("list")
def list_aside(as_json: AsJson = False) -> None:
    """List them, by service, oldest first."""
    found = asyncio.run(_aside())
    if as_json:
        typer.echo(json.dumps([each.model_dump(mode="json") for each in found]))
        return
    Console().print(make_table(found) if found else "no event is set aside")


def make_table(found: "Sequence[AsideEvent]") -> FittingTable:
    """A line an event; its error is wrapped."""
    columns = keep_whole("service", "position", "event", "subject", "set aside")
    table = FittingTable(*columns, "error", keys=2)
    for each in found:
        when = f"{each.set_aside_at:%Y-%m-%d %H:%M}"
        error = escape(each.error[:200])
        table.add_row(each.service, str(each.position), each.type, each.subject, when, error)
    return table


@aside.command()
def publish(
    service: Annotated[str | None, typer.Argument(help="Of this service, or of all")] = None,
    position: Annotated[int | None, typer.Argument(help="This one, or all")] = None,
) -> None:
    """Have them published again; the relay sets aside anew what still cannot be."""
    Console().print(f"{asyncio.run(_publish(service, position))} put back")


@subscriptions.command("list")
def list_subscriptions(as_json: AsJson = False) -> None:
    """List them, and how far each is behind."""
    lags = asyncio.run(_lags())
    if as_json:
        typer.echo(json.dumps([each._asdict() for each in lags]))
        return
    Console().print(make_table_of_lags(lags) if lags else "nobody has consumed an event")


def make_table_of_lags(lags: "Sequence[Lag]") -> FittingTable:
    """A line a subscription."""
    table = FittingTable(*keep_whole("subscription", "events waiting", "oldest"))
    for each in lags:
        table.add_row(each.subscription, str(each.waiting), f"{each.seconds:.0f} s")
    return table


@subscriptions.command()
def forget(subscription: Annotated[str, typer.Argument(help="Its name")]) -> None:
    """Let go of one that is gone for ever: nothing is kept for it any more."""
    known = asyncio.run(_forget(subscription))
    Console().print(f"{subscription} is forgotten" if known else f"there is no {subscription}")
    raise typer.Exit(0 if known else 1)


async def _aside() -> "list[AsideEvent]":
    from infrastructure.messaging.set_aside import SetAside  # noqa: PLC0415 - heavy
    from infrastructure.postgres.database import Database  # noqa: PLC0415 - heavy
    from relay.relays import OUTBOXES  # noqa: PLC0415 - heavy

    found: list[AsideEvent] = []
    for service, url in settings.service_databases().items():
        database = Database(url, pool_size=1)
        try:
            found += await SetAside(service, database, OUTBOXES[service]).list()
        finally:
            await database.close()
    return found


async def _publish(only: str | None, position: int | None) -> int:
    from infrastructure.messaging.set_aside import SetAside  # noqa: PLC0415 - heavy
    from infrastructure.postgres.database import Database  # noqa: PLC0415 - heavy
    from relay.relays import OUTBOXES  # noqa: PLC0415 - heavy

    back = 0
    for service, url in settings.service_databases().items():
        if only not in {None, service}:
            continue
        database = Database(url, pool_size=1)
        try:
            wanted = None if position is None else [position]
            back += await SetAside(service, database, OUTBOXES[service]).publish(wanted)
        finally:
            await database.close()
    return back


async def _lags() -> "list[Lag]":
    from services.event.wiring import open_bus  # noqa: PLC0415 - heavy

    async with open_bus(settings.event_settings()) as bus:
        return await bus.lags()


async def _forget(subscription: str) -> bool:
    from services.event.wiring import open_bus  # noqa: PLC0415 - heavy

    async with open_bus(settings.event_settings()) as bus:
        return await bus.forget(subscription)
