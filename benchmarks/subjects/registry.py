"""The list of what is measured, by part, and the programs that it takes."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import NamedTuple

import httpx2

from benchmarks.data import table_growth
from benchmarks.data.bulk_data import fill_databases, suffix_of
from benchmarks.data.orders import LINES, Shop
from benchmarks.environment import BenchEnvironment
from benchmarks.programs.worker_settings import ON_QUEUES, ONLY_ON_QUEUES, SETTINGS
from benchmarks.subjects.rest import GetSubject, PostSubject, PostUntilEndedSubject, http_to
from benchmarks.subjects.socket_subjects import Line, SocketSubject, lines
from benchmarks.subjects.subject import Subject
from benchmarks.usage import kind_of

PROCESSES = 2


class Entry(NamedTuple):
    """A subject that runs in programs: `kind` is what they are asked for."""

    part: str
    name: str
    title: str
    program: str
    kind: str
    lines: int = LINES
    filled: int = 0  # orders that its databases have already; 0 for the stack's own


TABLE = (
    Entry("peers", "saga", "PlaceOrder, fast path", "product", "fast"),
    Entry("peers", "regular", "PlaceOrder, regular activities", "product", "regular_saga"),
    Entry(
        "peers", "default", "PlaceOrder, regular activities, default settings", "default", "saga"
    ),
    Entry("peers", "dbos", "the six steps on DBOS, by our services", "dbos", "saga"),
    Entry("peers", "dbos_own", "the six steps on DBOS, with SQL of their own", "dbos-own", "saga"),
    Entry("peers", "naive", "the six steps, state saved after each, no resume", "naive", "saga"),
    Entry("peers", "empty", "an empty workflow", "product", "empty"),
    Entry("peers", "noop_regular", "a workflow of 6 regular no-ops", "product", "regular"),
    Entry("peers", "noop_local", "a workflow of 6 local no-ops", "product", "local"),
    *(
        Entry("settings", f"set_{setting}", f"PlaceOrder, {setting}", f"set-{setting}", "fast")
        for setting in SETTINGS
        if setting not in ONLY_ON_QUEUES
    ),
    *(
        Entry(
            "settings",
            f"queued_{queue}",
            f"PlaceOrder, no fast path, {queue}",
            f"set-{queue}",
            "saga",
        )
        for queue in ON_QUEUES
    ),
    Entry("workers", "workers_1", "PlaceOrder, 1 process", "product-one", "fast"),
    Entry("workers", "workers_2", "PlaceOrder, 2 processes", "product", "fast"),
    Entry("workers", "workers_4", "PlaceOrder, 4 processes", "product-four", "fast"),
    Entry("lines", "lines_1", "PlaceOrder, 1 line", "product", "fast", 1),
    Entry("lines", "lines_10", "PlaceOrder, 10 lines", "product", "fast", 10),
    Entry("lines", "lines_100", "PlaceOrder, 100 lines", "product", "fast", 100),
    Entry("scale", "orders_10000", "PlaceOrder, 10^4 orders there", "filled-a", "fast", 2, 10**4),
    Entry("scale", "orders_100000", "PlaceOrder, 10^5 orders there", "filled-b", "fast", 2, 10**5),
    Entry("scale", "orders_1000000", "PlaceOrder, 10^6 orders there", "filled-c", "fast", 2, 10**6),
)
REST = {"rest_wait": "peers", "rest_post": "rest", "rest_get": "rest"}


EVENTS = ("relay", "webhooks")  # what our services' events cost, whoever called the services
OWN_SQL = ("postgres", "provider")
SERVICES = (*OWN_SQL, *EVENTS)


class Program(NamedTuple):
    """A module of `benchmarks.programs`, and how it is started."""

    module: str
    processes: int
    arguments: tuple[str, ...]
    environment: Callable[[BenchEnvironment], dict[str, str]]
    servers: tuple[str, ...] = ("temporal", *SERVICES)


NAMESPACES = {
    "product": "bench",
    "product-one": "bench-1",
    "product-four": "bench-4",
    "default": "default",
    "filled-a": "scale-1",
    "filled-b": "scale-2",
    "filled-c": "scale-3",
    **{f"set-{setting}": f"set-{setting}" for setting in SETTINGS},
}


def _namespace(name: str) -> Callable[[BenchEnvironment], dict[str, str]]:
    return lambda _: {"TEMPORAL_NAMESPACE": NAMESPACES[name]}


def _database(peer: str) -> Callable[[BenchEnvironment], dict[str, str]]:
    return lambda bench: {"PEER_DATABASE_URL": bench.superuser_url(peer)}


PROGRAMS = {
    "product": Program("temporal", PROCESSES, (), _namespace("product")),
    "product-one": Program("temporal", 1, (), _namespace("product-one")),
    "product-four": Program("temporal", 4, (), _namespace("product-four")),
    **{
        name: Program("temporal", PROCESSES, (), _namespace(name))
        for name in ("filled-a", "filled-b", "filled-c")
    },
    **{
        f"set-{setting}": Program(
            "temporal", PROCESSES, ("--settings", setting), _namespace(f"set-{setting}")
        )
        for setting in SETTINGS
    },
    "default": Program(
        "temporal",
        PROCESSES,
        ("--settings", "default"),
        BenchEnvironment.default_temporal,
        ("default-temporal", *SERVICES),
    ),
    "dbos": Program("dbos_saga", PROCESSES, (), _database("dbos"), SERVICES),
    "dbos-own": Program("dbos_own_sql", PROCESSES, (), _database("dbos_own"), OWN_SQL),
    "naive": Program("naive_saga", PROCESSES, (), _database("naive"), SERVICES),
}


def names(parts: Sequence[str], only: Sequence[str]) -> list[str]:
    """The subjects of these parts, or of all parts those that are named."""
    known = {entry.name: entry.part for entry in TABLE} | REST
    return [name for name, part in known.items() if name in only or (not only and part in parts)]


def namespaces_of(wanted: Sequence[str]) -> list[str]:
    """All namespaces that these subjects take beside the default one."""
    return sorted({name for name in map(namespace_of, wanted) if name and name != "default"})


def namespace_of(name: str) -> str | None:
    """Where a subject's workflows are; None if it has none."""
    if name in REST:
        return "default"
    program = next(entry.program for entry in TABLE if entry.name == name)
    return NAMESPACES.get(program)


def databases_of(name: str) -> list[str]:
    """The services' databases that a subject's orders go to."""
    orders = next((entry.filled for entry in TABLE if entry.name == name), 0)
    return table_growth.databases(suffix_of(orders) if orders else "")


@asynccontextmanager
async def open_subjects(
    bench: BenchEnvironment, shop: Shop, wanted: Sequence[str]
) -> AsyncIterator[list[Subject]]:
    """Start the programs that these subjects take, and connect to them."""
    entries = [entry for entry in TABLE if entry.name in wanted]
    async with AsyncExitStack() as stack:
        connected: dict[str, list[Line]] = {}
        subjects: list[Subject] = []
        for entry in entries:
            env, its_shop = (
                await fill_databases(bench, entry.filled) if entry.filled else ({}, shop)
            )
            if entry.program not in connected:
                ports = await _start(bench, entry.program, env)
                connected[entry.program] = await stack.enter_async_context(lines(ports))
            subjects.append(_wire_subject(entry, connected[entry.program], its_shop))
        http = await stack.enter_async_context(http_to(bench))
        rest: list[Subject] = [
            PostUntilEndedSubject(http, shop.order),
            PostSubject(http, shop.order),
        ]
        if "rest_get" in wanted:
            rest.append(await _read(http, shop))
        yield [*subjects, *(subject for subject in rest if subject.name in wanted)]


async def _start(bench: BenchEnvironment, name: str, env: dict[str, str]) -> list[int]:
    program = PROGRAMS[name]
    where = env | program.environment(bench)
    return await bench.start_programs(
        name, program.module, program.processes, program.arguments, where
    )


def _wire_subject(entry: Entry, connected: Sequence[Line], shop: Shop) -> SocketSubject:
    return SocketSubject(
        name=entry.name,
        title=entry.title,
        kind=entry.kind,
        processes=(kind_of(entry.program), *PROGRAMS[entry.program].servers),
        lines=connected,
        order=partial(shop.order, entry.lines),
    )


async def _read(http: httpx2.AsyncClient, shop: Shop) -> GetSubject:
    """Place an order to be read."""
    ended = await PostUntilEndedSubject(http, shop.order).run()
    assert ended.workflow_id is not None  # noqa: S101 - the subject says it
    return GetSubject(http, ended.workflow_id.removeprefix("order-"))
