"""Looks at the metrics of other processes, as Prometheus would, and at Envoy's admin."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from infrastructure.telemetry.metrics import exposition
from services.composition import PROTOCOLS

PATIENCE = 1.0  # seconds for one place
MOST_BYTES = 4_000_000
BREAKER, INSTANCE = "saga_breaker_state", "saga_instance_up"
WAITS = {
    "temporal_activity_schedule_to_start_latency": "activity",
    "temporal_workflow_task_schedule_to_start_latency": "workflow",
}


@dataclass(frozen=True)
class Breaker:
    """Where a circuit breaker of a process stands."""

    process: str
    dependency: str
    state: str


@dataclass(frozen=True)
class Instance:
    """A process that serves a service; not healthy if it was listed, and is gone or ill."""

    service: str
    name: str
    address: str
    healthy: bool


@dataclass(frozen=True)
class TaskWait:
    """How long the tasks of a queue waited for a worker, since that began: mean seconds of all."""

    queue: str
    kind: str
    tasks: int
    seconds: float


@dataclass(frozen=True)
class Share:
    """What one instance got of the calls to its service, from 0 to 1, and if it is healthy."""

    service: str
    address: str
    calls: int
    share: float
    healthy: bool


@dataclass(frozen=True)
class Process:
    """A process whose metrics were asked for; None if it does not answer."""

    place: str
    name: str
    text: str | None


async def read_processes(places: Sequence[str]) -> list[Process]:
    """All of them, and this process first."""
    own = Process("", "api", exposition()[0].decode())
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        return [own, *await asyncio.gather(*(_read(http, place) for place in places))]


async def _read(http: httpx2.AsyncClient, place: str) -> Process:
    name, _, url = place.rpartition("=")
    try:
        answer = (await http.get(url)).raise_for_status()
        text = answer.text if len(answer.content) <= MOST_BYTES else None
    except httpx2.HTTPError:
        text = None
    return Process(url, name or url, text)


def list_breakers(found: Iterable[Process]) -> list[Breaker]:
    """Where each circuit breaker of these processes stands."""
    return [
        Breaker(process.name, labels["dependency"], labels["state"])
        for process in found
        for name, labels, value in _samples(process)
        if name == BREAKER and value == 1
    ]


def list_instances(found: Iterable[Process]) -> list[Instance]:
    """The instances that the registry lists, as discovery tells, which watches over it."""
    listed = [
        Instance(labels["service"], labels["instance"], labels["address"], healthy=value == 1)
        for process in found
        for name, labels, value in _samples(process)
        if name == INSTANCE
    ]
    return sorted(listed, key=lambda it: (it.service, it.name))


def sum_task_waits(found: Iterable[Process]) -> list[TaskWait]:
    """How long tasks waited, by queue and kind, over all workers."""
    sums: dict[tuple[str, str], list[float]] = {}
    for process in found:
        for name, labels, value in _samples(process):
            base, _, part = name.rpartition("_")
            if base in WAITS and part in {"sum", "count"}:
                key = (labels.get("task_queue", ""), WAITS[base])
                sums.setdefault(key, [0.0, 0.0])[part == "count"] += value
    return [
        TaskWait(queue, kind, int(count), total / count / 1000)
        for (queue, kind), (total, count) in sorted(sums.items())
        if count
    ]


def _samples(process: Process) -> Iterable[tuple[str, Mapping[str, str], float]]:
    for family in text_string_to_metric_families(process.text or ""):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


async def read_shares(admin: str) -> list[Share] | None:
    """How Envoy spread the calls to each service; None without one, or if it does not answer."""
    if not admin:
        return None
    socket = None if "://" in admin else httpx2.AsyncHTTPTransport(uds=admin)
    base = "http://envoy" if socket else admin
    try:
        async with httpx2.AsyncClient(transport=socket, base_url=base, timeout=PATIENCE) as http:
            answer = await http.get("/clusters", params={"format": "json"})
            clusters = answer.raise_for_status().json()
    except (httpx2.HTTPError, OSError, ValueError):
        return None
    return [share for item in clusters.get("cluster_statuses", ()) for share in _shares_of(item)]


def _shares_of(cluster: Mapping[str, Any]) -> list[Share]:
    """Of one cluster, if it is one of our services."""
    hosts = cluster.get("host_statuses", ())
    if cluster.get("name") not in PROTOCOLS:
        return []
    calls = [_calls(item) for item in hosts]
    whole = sum(calls) or 1
    return [
        Share(str(cluster["name"]), _address(host), number, number / whole, _healthy(host))
        for host, number in zip(hosts, calls, strict=True)
    ]


def _calls(host: Mapping[str, Any]) -> int:
    stats = {item.get("name"): item.get("value", 0) for item in host.get("stats", ())}
    return int(stats.get("rq_total", 0))


def _address(host: Mapping[str, Any]) -> str:
    socket = host.get("address", {}).get("socket_address", {})
    return f"{socket.get('address', '?')}:{socket.get('port_value', '?')}"


def _healthy(host: Mapping[str, Any]) -> bool:
    """Envoy lists what is wrong with it beside EDS's own word."""
    status = dict(host.get("health_status", {}))
    return status.pop("eds_health_status", "HEALTHY") == "HEALTHY" and not any(status.values())
