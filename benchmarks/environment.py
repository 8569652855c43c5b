"""Where all subjects run: the product's own stack, a second Temporal, and the peers' programs.

The stack is the plan of `saga up` without traces, on free ports and in a folder of its own. Its
Temporal has more namespaces, where our saga runs in programs that the harness asks directly: in one
namespace, the workers of all would take each other's tasks. The second Temporal has the dev
server's own settings.
"""

import os
import random
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import asyncpg
from pydantic import BaseModel

from local_stack.errors import StackError
from local_stack.options import HOST, ExternalServices, Options, Ports
from local_stack.plan import Plan, make_plan
from local_stack.ports import free_port, why_not
from local_stack.programs import Programs
from local_stack.secrets.passwords import Credentials, load_or_make
from local_stack.state_dir import StateDir
from local_stack.supervision import readiness as ready
from local_stack.supervision.child import Child, Job, Stage
from local_stack.supervision.child_runner import NullListener, Runner
from local_stack.supervision.process import run_to_end
from local_stack.supervision.supervisor import Supervisor
from local_stack.temporal import server as temporal

PEERS = ("dbos", "dbos_own", "naive")  # databases of their own
TEMPORAL = "temporal"
ROW = 60
ATTEMPTS = 200
S = TypeVar("S", bound=BaseModel)
DEFAULT_TEMPORAL = "default-temporal"


class NullObserver(NullListener):
    """An observer that shows nothing."""

    def on_begin(self, name: str) -> None:
        """Nothing."""

    def on_ready(self, name: str, note: str | None = None) -> None:
        """Nothing."""

    def on_stopping(self, names: list[str]) -> None:
        """Nothing."""


@dataclass(frozen=True)
class ExtraPorts:
    """Of what the plan of `saga up` does not have."""

    metrics: int = field(default_factory=free_port)
    default_temporal: int = field(default_factory=free_port)
    default_metrics: int = field(default_factory=free_port)


@dataclass
class BenchEnvironment:
    """Everything that runs."""

    layout: StateDir
    options: Options
    plan: Plan
    credentials: Credentials
    supervisor: Supervisor
    ports: ExtraPorts

    @property
    def runners(self) -> list[Runner]:
        """All processes that were started."""
        return self.supervisor.runners

    @property
    def pids(self) -> dict[str, int]:
        """By the children's names."""
        return {
            runner.child.name: runner.identity.pid for runner in self.runners if runner.identity
        }

    @property
    def environment(self) -> dict[str, str]:
        """What leads a program to the product's parts."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TEMPORAL_", "PG"))}
        return inherited | self.plan.environment

    def settings(self, kind: type[S]) -> S:
        """The stack's own settings of this kind."""
        env = {name.lower(): value for name, value in self.plan.environment.items()}
        return kind.model_validate({item: env[item] for item in kind.model_fields if item in env})

    def default_temporal(self) -> dict[str, str]:
        """What leads a program to the server with default settings."""
        return {"TEMPORAL_ADDRESS": f"{HOST}:{self.ports.default_temporal}"}

    def superuser_url(self, database: str) -> str:
        """PostgreSQL as its superuser."""
        server = f"{HOST}:{self.options.ports.postgres}"
        return f"postgresql://postgres:{self.credentials.superuser}@{server}/{database}"

    async def start_programs(
        self,
        name: str,
        module: str,
        count: int,
        arguments: Sequence[str],
        env: dict[str, str],
    ) -> list[int]:
        """Start `count` processes of a program; the ports to ask them on."""
        children, ports = [], [free_port() for _ in range(count)]
        for number, port in enumerate(ports, start=1):
            argv = (
                sys.executable,
                "-P",
                "-m",
                f"benchmarks.programs.{module}",
                str(port),
                *arguments,
            )
            check = ready.accepts(HOST, port)
            where = self.environment | env
            children.append(Child(f"{name}-{number}", argv, where, check, grace=25.0, rank=4))
        await self.supervisor.start((tuple((child,) for child in children),))
        return ports


@asynccontextmanager
async def running_bench_environment(
    folder: Path, workers: int, namespaces: Sequence[str]
) -> AsyncIterator[BenchEnvironment]:
    """Start all of it but the programs; stop it at the end. These namespaces are made."""
    layout = StateDir(folder).create()
    options = Options(folder, workers, _free_ports(), tracing=False)
    plan = make_plan(options, ExternalServices(), os.environ, Programs())
    supervisor = Supervisor(layout, NullObserver())
    bench = BenchEnvironment(
        layout=layout,
        options=options,
        plan=plan,
        credentials=load_or_make(layout.secrets),
        supervisor=supervisor,
        ports=ExtraPorts(),
    )
    try:
        stages = _measurable(plan.stages, bench.ports.metrics, namespaces)
        await supervisor.start(tuple(stages))
        await supervisor.start(_second_temporal(bench, namespaces))
        await _peer_databases(bench)
        yield bench
    finally:
        await supervisor.stop()


def _free_ports() -> Ports:
    """All in a row, below those that the kernel lends to clients, who would come in between."""
    dice = random.SystemRandom()
    for _ in range(ATTEMPTS):
        first = dice.randrange(12_000, 30_000)
        row = range(first, first + ROW)
        if all(why_not(port) is None for port in row):
            single = [name for name in Ports.model_fields if not name.endswith("_base")]
            ports = dict(zip(single, row, strict=False))
            return Ports(**ports, metrics_base=first + ROW // 3, health_base=first + 2 * ROW // 3)
    raise StackError(f"there are no {ROW} free ports in a row")


def _measurable(
    stages: tuple[Stage, ...], metrics_port: int, namespaces: Sequence[str]
) -> Iterator[Stage]:
    """The stages, with a Temporal that tells its metrics and has more namespaces."""
    extra = ["--metrics-port", str(metrics_port)]
    for namespace in namespaces:
        extra += ["--namespace", namespace]
    for stage in stages:
        yield tuple(
            tuple(
                replace(child, argv=(*child.argv, *extra))
                if isinstance(child, Child) and child.name == TEMPORAL
                else child
                for child in lane
            )
            for lane in stage
        )


def _second_temporal(bench: BenchEnvironment, namespaces: Sequence[str]) -> tuple[Stage, ...]:
    """A dev server as it is without any setting, but for a file to keep its data in."""
    port, file = bench.ports.default_temporal, bench.layout.path / "default-temporal.db"
    argv = (
        *(str(temporal.program()), "server", "start-dev", "--headless", "--ip", HOST),
        *("--port", str(port), "--metrics-port", str(bench.ports.default_metrics)),
        *("--db-filename", str(file), "--disable-config-file"),
    )
    check = ready.accepts(HOST, port)
    server = Child(DEFAULT_TEMPORAL, argv, bench.environment, check, rank=1)
    attributes = [_attributes(bench, "default", **bench.default_temporal())]
    attributes += [
        _attributes(bench, namespace, TEMPORAL_NAMESPACE=namespace) for namespace in namespaces
    ]
    return (((server,),), tuple((job,) for job in attributes))


def _attributes(bench: BenchEnvironment, name: str, **env: str) -> Job:
    child = Child(f"attributes-{name}", Programs().attributes, bench.environment | env)
    return Job(child.name, partial(run_to_end, child, bench.layout.log(child.name)))


async def _peer_databases(bench: BenchEnvironment) -> None:
    """A database for each peer, on the services' PostgreSQL."""
    connection = await asyncpg.connect(bench.superuser_url("postgres"), ssl=False)
    try:
        for peer in PEERS:
            await connection.execute(f"CREATE DATABASE {peer}")
    finally:
        await connection.close()
