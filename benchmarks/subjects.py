"""The list of what is measured, by part, and the programs that it takes."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import httpx2

from benchmarks.ground import PEERS, Ground
from benchmarks.orders import Shop
from benchmarks.rest import Got, Posted, Waited, http_to
from benchmarks.subject import Subject
from benchmarks.usage import kind_of
from benchmarks.wire import Line, Wired, lines

PROCESSES = 2


class Entry(NamedTuple):
    """A subject that runs in programs: `kind` is what they are asked for."""

    part: str
    name: str
    title: str
    program: str
    kind: str


TABLE = (
    Entry("peers", "saga", "PlaceOrder, fast path", "product", "fast"),
    Entry("peers", "regular", "PlaceOrder, regular activities", "product", "regular_saga"),
    Entry(
        "peers", "default", "PlaceOrder, regular activities, default settings", "default", "saga"
    ),
    Entry("peers", "dbos", "the six steps on DBOS", "dbos", "saga"),
    Entry("peers", "naive", "the six steps, state saved after each, no resume", "naive", "saga"),
    Entry("peers", "empty", "an empty workflow", "product", "empty"),
    Entry("peers", "noop_regular", "a workflow of 6 regular no-ops", "product", "regular"),
    Entry("peers", "noop_local", "a workflow of 6 local no-ops", "product", "local"),
    Entry("workers", "workers_1", "PlaceOrder, 1 process", "product-one", "fast"),
    Entry("workers", "workers_2", "PlaceOrder, 2 processes", "product", "fast"),
    Entry("workers", "workers_4", "PlaceOrder, 4 processes", "product-four", "fast"),
)
REST = {"rest_wait": "peers", "rest_post": "rest", "rest_get": "rest"}
PARTS = ("peers", "rest", "workers")


class Program(NamedTuple):
    """A module of `benchmarks.programs`, and how it is started."""

    module: str
    processes: int
    arguments: tuple[str, ...]
    environment: Callable[[Ground], dict[str, str]]
    servers: tuple[str, ...] = ("temporal", "postgres", "provider")


NAMESPACES = {
    "product": "bench",
    "product-one": "bench-1",
    "product-four": "bench-4",
    "default": "default",
}


def _namespace(name: str) -> Callable[[Ground], dict[str, str]]:
    return lambda _: {"TEMPORAL_NAMESPACE": NAMESPACES[name]}


def _database(peer: str) -> Callable[[Ground], dict[str, str]]:
    return lambda ground: {"PEER_DATABASE_URL": ground.superuser_url(peer)}


PROGRAMS = {
    "product": Program("temporal", PROCESSES, (), _namespace("product")),
    "product-one": Program("temporal", 1, (), _namespace("product-one")),
    "product-four": Program("temporal", 4, (), _namespace("product-four")),
    "default": Program(
        "temporal",
        PROCESSES,
        ("--settings", "default"),
        Ground.default_temporal,
        ("default-temporal", "postgres", "provider"),
    ),
    **{
        it: Program(f"{it}_saga", PROCESSES, (), _database(it), ("postgres", "provider"))
        for it in PEERS
    },
}


def names(parts: Sequence[str], only: Sequence[str]) -> list[str]:
    """The subjects of these parts, or of all parts those that are named."""
    known = {entry.name: entry.part for entry in TABLE} | REST
    return [name for name, part in known.items() if name in only or (not only and part in parts)]


def namespace_of(name: str) -> str | None:
    """Where a subject's workflows are; None if it has none."""
    if name in REST:
        return "default"
    program = next(entry.program for entry in TABLE if entry.name == name)
    return NAMESPACES.get(program)


@asynccontextmanager
async def opened(ground: Ground, shop: Shop, wanted: Sequence[str]) -> AsyncIterator[list[Subject]]:
    """Start the programs that these subjects take, and connect to them."""
    entries = [entry for entry in TABLE if entry.name in wanted]
    async with AsyncExitStack() as stack:
        connected: dict[str, list[Line]] = {}
        for name in dict.fromkeys(entry.program for entry in entries):
            program = PROGRAMS[name]
            ports = await ground.start_programs(
                name,
                program.module,
                program.processes,
                program.arguments,
                program.environment(ground),
            )
            connected[name] = await stack.enter_async_context(lines(ports))
        http = await stack.enter_async_context(http_to(ground))
        rest: list[Subject] = [Waited(http, shop.order), Posted(http, shop.order)]
        if "rest_get" in wanted:
            rest.append(await _read(http, shop))
        yield [
            *(
                Wired(
                    name=it.name,
                    title=it.title,
                    kind=it.kind,
                    processes=(kind_of(it.program), *PROGRAMS[it.program].servers),
                    lines=connected[it.program],
                    order=shop.order,
                )
                for it in entries
            ),
            *(it for it in rest if it.name in wanted),
        ]


async def _read(http: httpx2.AsyncClient, shop: Shop) -> Got:
    """Place an order to be read."""
    ended = await Waited(http, shop.order).run()
    assert ended.workflow_id is not None  # noqa: S101 - `Waited` says it
    return Got(http, ended.workflow_id.removeprefix("order-"))
