"""`saga services`: which instances of each service the registry lists."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.output import FittingTable, keep_whole
from infrastructure.registry.registry import Registered
from local_stack.errors import StackError
from local_stack.program_settings import REGISTRY
from local_stack.state import state_file
from local_stack.state_dir import find_state_dir
from saga.participant import Unavailable


def services(
    state_dir: Annotated[Path, typer.Option("--state-dir", help="Of the stack")] = Path(".saga"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs")] = False,
) -> None:
    """Show the instances of services that run as processes of their own.

    Of the stack in this folder, or of the registry at REGISTRY_DATABASE_URL.
    """
    found = asyncio.run(_list_instances(_url(find_state_dir(state_dir))))
    now = datetime.now(UTC)
    rows = [_row(record, now) for record in found]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    Console().print(make_table(rows) if rows else "the registry lists no instance")


def make_table(rows: list[dict[str, Any]]) -> FittingTable:
    """A line an instance."""
    columns = keep_whole("service", "instance", "address", "for", "lease ends in")
    table = FittingTable(*columns, keys=2)
    for row in rows:
        place, spans = f"{row['host']}:{row['port']}", (row["age_seconds"], row["lease_seconds"])
        table.add_row(row["service"], row["instance"], place, *(f"{span} s" for span in spans))
    return table


def _url(state_dir: Path) -> str:
    """Where the registry is. StackError if there is none."""
    from infrastructure.settings import RegistrySettings, with_driver  # noqa: PLC0415 - heavy

    stack = state_file.running(state_dir)
    here = stack.environment.get(REGISTRY) if stack else None
    if url := here or RegistrySettings().registry_database_url:
        return with_driver(url)
    raise StackError(
        "there is no registry: services are processes of their own after "
        "`saga up --topology services`"
    )


async def _list_instances(url: str) -> list[Registered]:
    from infrastructure.postgres.database import Database  # noqa: PLC0415 - heavy
    from infrastructure.registry.postgres import PostgresRegistry  # noqa: PLC0415 - heavy

    database = Database(url, pool_size=1)
    try:
        return await PostgresRegistry(database).instances()
    except Unavailable as error:
        raise StackError(f"the registry does not answer: {error}") from error
    finally:
        await database.close()


def _row(found: Registered, now: datetime) -> dict[str, Any]:
    instance = found.instance
    return {
        "service": instance.service,
        "instance": instance.name,
        "host": instance.host,
        "port": instance.port,
        "age_seconds": _seconds(now, found.since),
        "lease_seconds": -_seconds(now, found.until),
    }


def _seconds(now: datetime, then: datetime) -> int:
    return round((now - then).total_seconds())
