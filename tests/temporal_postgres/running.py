"""Temporal's server on a PostgreSQL of its own, both watched and started again if they die."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import asyncpg

from local_stack.postgres.server import Postgres
from local_stack.state.state_file import ChildRecord, record
from local_stack.supervision.child_runner import Runner, running
from local_stack.supervision.process import run_to_end
from tests.chaos.test_chaos import WORKERS
from tests.deploy.composed import prepared, read
from tests.support.ports import free_port
from tests.support.stack import Stack, running_stack
from tests.temporal_postgres.composed import HOST, Temporal


@dataclass(frozen=True)
class Served:
    """A server that serves: its address and metrics, and who watches over it."""

    temporal: Temporal
    address: str
    metrics: str
    runners: Mapping[str, Runner]


@dataclass(frozen=True)
class StackOnServer(Stack):
    """A stack that uses this server, whose parts can be killed as the stack's own."""

    runners: Mapping[str, Runner] = field(default_factory=dict)

    def child(self, name: str) -> ChildRecord:
        """One child of the stack, or a part of the server."""
        found = self.runners.get(name)
        return record(found) if found else super().child(name)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Served]:
    """Set up as compose does, and serve. The schema's job runs twice, as it does by each `up`."""
    services = read(prepared(folder))["services"]
    postgres = Postgres.at(folder, free_port(), durable=False)
    temporal = Temporal(services, postgres.port)
    await postgres.initialise()
    try:
        database = replace(postgres.child, name="temporal-db")
        async with running(database, folder / "temporal-db.log") as below:
            await _make_role(postgres, services["temporal-db"]["environment"])
            for _ in range(2):
                await run_to_end(temporal.schema(), folder / "schema.log")
            server = temporal.server()
            async with running(server, folder / "temporal.log") as above:
                address = f"{HOST}:{server.env['FRONTEND_GRPC_PORT']}"
                await run_to_end(temporal.setup(address), folder / "setup.log")
                metrics = f"http://{server.env['PROMETHEUS_ENDPOINT']}/metrics"
                yield Served(temporal, address, metrics, {"temporal-db": below, "temporal": above})
    finally:
        postgres.remove()


@asynccontextmanager
async def stack_on(served: Served, folder: Path) -> AsyncIterator[StackOnServer]:
    """The local stack, but for its Temporal. One at a time: they would share each other's work."""
    given = {"TEMPORAL_ADDRESS": served.address}
    async with running_stack(folder, workers=WORKERS, environment=given) as found:
        yield StackOnServer(found.state_dir, found.output, served.runners)


async def _make_role(postgres: Postgres, environment: Mapping[str, str]) -> None:
    """The role that the image makes: the owner of its whole server."""
    connection = await asyncpg.connect(
        host=HOST, port=postgres.port, user="postgres", database="postgres",
        password=postgres.credentials.superuser, ssl=False,
    )  # fmt: skip
    try:
        role, password = environment["POSTGRES_USER"], environment["POSTGRES_PASSWORD"]
        await connection.execute(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{password}'")
    finally:
        await connection.close()
