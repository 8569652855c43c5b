"""Dumps of databases and their restore by PostgreSQL's own programs, and copies of servers."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contracts.names import DATABASES
from infrastructure.settings import DatabaseSettings
from local_stack.postgres.cluster import installed_programs
from local_stack.postgres.server import Postgres
from tests.support.databases import Server
from tests.support.ports import free_port

# What a server has done before: its transactions have numbers far above those of a new one.
BUSY = """
DO $$ BEGIN
  FOR i IN 1..20000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP;
END $$
"""


def url_of(settings: DatabaseSettings, service: str) -> str:
    """Where a service's database is, as PostgreSQL's programs want it."""
    url: str = getattr(settings, f"{service}_database_url")
    return url.replace("+asyncpg", "")


def name_of(settings: DatabaseSettings, service: str) -> str:
    """The name of a service's database."""
    return url_of(settings, service).rpartition("/")[2]


async def dump(settings: DatabaseSettings, folder: Path) -> None:
    """Dump all databases, one after the other, into `<service>.dump`."""
    for service in DATABASES:
        await dump_one(url_of(settings, service), folder / f"{service}.dump")


async def dump_one(url: str, to: Path) -> None:
    """Dump a database."""
    await _run("pg_dump", "--format", "custom", "--no-owner", "--file", to, url)


async def restore(server: Server, name: str, dumped: Path, owner: str = "postgres") -> None:
    """Replace a database of this server, if it has it, by what was dumped.

    A role owns the database of its name; the superuser any.
    """
    gone = f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"
    await server.execute(gone, f"CREATE DATABASE {name} OWNER {owner}")
    url = server.url(name) if owner == "postgres" else server.postgres.url(owner)
    await _run("pg_restore", "--exit-on-error", "--no-owner", "--dbname", url, dumped)


@asynccontextmanager
async def copied_server(source: Path, directory: Path) -> AsyncIterator[Server]:
    """A server on a copy of the files of one that is stopped: the same in all that it knows."""
    directory.mkdir()  # noqa: ASYNC240 - at once
    shutil.copy(source / "secrets.json", directory / "secrets.json")
    old, postgres = (
        Postgres.at(source, free_port(), durable=False),
        Postgres.at(directory, free_port(), durable=False),
    )
    await _run_plain("cp", "-a", old.cluster.data, postgres.cluster.data)
    await postgres.start()
    try:
        yield Server(postgres)
    finally:
        await postgres.stop()
        postgres.remove()


async def _run(program: str, *arguments: object) -> None:
    await _run_plain(installed_programs() / "bin" / program, *arguments)


async def _run_plain(*command: object) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [str(item) for item in command],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
