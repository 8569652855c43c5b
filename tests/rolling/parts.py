"""The stack that is restarted: two of whatever can be two, and how one of them is restarted.

`saga up --topology services` gives two instances of each service. Beside it are what a cluster has
and one machine does not: two APIs without a worker of their own, two gateways before both, and a
worker for each task queue.
"""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx2

from contracts.names import Queue
from infrastructure.envoy.builders import Address
from infrastructure.envoy.gateway import Gateway
from infrastructure.envoy.jwks_source import KeySource
from infrastructure.envoy.settings import GatewaySettings
from local_stack import environment
from local_stack import envoy as gateway
from local_stack.program_settings import confine
from local_stack.programs import program
from local_stack.state_dir import StateDir
from local_stack.supervision import readiness as ready
from local_stack.supervision.child import Child, Job
from local_stack.supervision.child_runner import ChildState, Runner, running
from tests.support.ports import free_port, free_ports
from tests.support.stack import Stack
from tests.support.waiting import until

HOST = "127.0.0.1"
DRAIN = 5  # seconds, as in deploy/kubernetes
BACK_WITHIN = 90.0  # to finish what is begun, and to start again on a busy machine
AMPLE = GatewaySettings(rate_burst=100_000, rate_per_second=100_000)

Begin = Callable[[Child], Awaitable["Part"]]


@dataclass(frozen=True)
class Part:
    """A process of the stack: its pid now, and whether it is ready."""

    name: str
    pid: Callable[[], int | None]
    ready: Callable[[], bool]
    stop_signal: signal.Signals = signal.SIGTERM

    async def restart(self) -> None:
        """Ask it to end as any platform would, and wait until its successor is ready."""
        old = self.pid()
        assert old is not None
        os.kill(old, self.stop_signal)

        async def back() -> bool:
            return self.pid() not in {old, None} and self.ready()

        await until(back, within=BACK_WITHIN)


@dataclass
class Entry:
    """A gateway, and its own interface, by which it is drained."""

    port: int
    part: Part
    socket: Path

    async def drain(self) -> None:
        """Every answer from now on ends its connection; returns when nobody is connected."""
        transport = httpx2.AsyncHTTPTransport(uds=str(self.socket))
        async with httpx2.AsyncClient(transport=transport, base_url="http://admin") as http:
            (await http.post("/drain_listeners?graceful")).raise_for_status()

            async def idle() -> bool:
                name = "http.gateway.downstream_rq_active"
                said = (await http.get("/stats", params={"filter": f"^{name}$"})).text
                return int(said.split(":")[1]) == 0

            await until(idle, within=BACK_WITHIN)


@dataclass
class Cluster:
    """All of it. `entries` are the gateways that a balancer would send clients to now."""

    stack: Stack
    entries: list[Entry] = field(default_factory=list)
    apis: list[Part] = field(default_factory=list)
    workers: list[Part] = field(default_factory=list)

    def of_stack(self, name: str, stop_signal: signal.Signals = signal.SIGTERM) -> Part:
        """A child of `saga up`."""
        return Part(
            name,
            lambda: self.stack.child(name).pid,
            lambda: self.stack.child(name).state is ChildState.RUNNING,
            stop_signal,
        )


def _part(runner: Runner) -> Part:
    return Part(
        runner.child.name,
        lambda: runner.identity.pid if runner.identity else None,
        lambda: runner.state is ChildState.RUNNING,
    )


@asynccontextmanager
async def around(stack: Stack, folder: Path) -> AsyncIterator[Cluster]:
    """The cluster around a stack of split services that works with `--separate`."""
    cluster = Cluster(stack)
    layout = StateDir(stack.state_dir)
    whole = {**os.environ, **stack.state.environment}
    whole |= environment.of_split_services(stack.state.ports, layout)
    async with AsyncExitStack() as started:

        async def begin(child: Child) -> Part:
            log = folder / f"{child.name}.log"
            return _part(await started.enter_async_context(running(child, log)))

        apis = free_ports(2)
        for n, port in enumerate(apis, 1):
            argv = program("saga-api", "--port", str(port), "--drain", str(DRAIN))
            check = ready.answers(HOST, port, "/health/ready")
            env = confine(whole, "saga-api")
            cluster.apis.append(await begin(Child(f"our-api-{n}", argv, env, check, grace=40.0)))
        for queue in Queue:
            cluster.workers.append(await begin(_worker(queue, confine(whole, "saga-worker"))))
        for n in (1, 2):
            cluster.entries.append(await _entry(folder / f"edge-{n}", n, apis, whole, begin))
        yield cluster


def _worker(queue: Queue, env: dict[str, str]) -> Child:
    port, name = free_port(), f"our-worker-{queue}"
    argv = program("saga-worker", "--queue", queue, "--identity", name, "--health-port", str(port))
    return Child(name, argv, env, ready.answers(HOST, port, "/health/ready"), grace=25.0)


async def _entry(folder: Path, n: int, apis: list[int], env: dict[str, str], begin: Begin) -> Entry:
    """A gateway of the same configuration as the stack's, before both APIs."""
    layout = StateDir(folder).create()
    listen, metrics = free_ports(2)
    edge = Gateway(
        Address(HOST, listen),
        tuple(Address(HOST, api) for api in apis),
        Address(HOST, metrics),
        issuer=env["API_AUTH_ISSUER"],
        audience=env["API_AUTH_AUDIENCE"],
        keys=KeySource(env["API_AUTH_JWKS"]),
        access_log=folder / "access.log",
        admin=gateway.SOCKET,
        settings=AMPLE,
        watched=True,
    )
    job, envoy = gateway.lane(edge, layout, env)
    assert isinstance(job, Job)
    assert isinstance(envoy, Child)
    await job.run()
    drained = ("--drain-strategy", "immediate", "--drain-time-s", str(DRAIN))
    child = replace(envoy, name=f"our-gateway-{n}", argv=(*envoy.argv, *drained))
    return Entry(listen, await begin(child), folder / gateway.SOCKET)
