"""Who speaks to whom: derived from what each program reads, and exactly what policies let through.

Databases and the bus are pods in our namespace here, as docs/deploying.md has them labelled.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from contracts.names import DATABASES, SERVICES
from infrastructure.settings import EventSettings, ProviderSettings
from infrastructure.telemetry.settings import TelemetrySettings
from local_stack.options import database_variable
from local_stack.program_settings import PROGRAMS
from services.locations import ServiceLocationSettings
from tests.deploy.composed import ROOT
from tests.deploy.kinds import READ
from tests.deploy.network import NAME, Place, is_allowed
from tests.deploy.rendered import Faults, Object, of_kind, pods

OURS = "order-saga"
SQL, NATS, NATS_CLUSTER, TEMPORAL, TRACES, DNS, TLS = 5432, 4222, 6222, 7233, 4318, 53, 443
Connection = tuple[str, str, int]


def _elsewhere(name: str, port: int, label: str = "") -> Place:
    """A pod in a namespace of its own, which has a label of ours."""
    labels = {NAME: name} | ({label: "true"} if label else {})
    return Place(name, frozenset({port}), name, {}, labels)


ADDRESSES = (
    Place("internet", frozenset({TLS, 8443, 22}), address="1.1.1.1"),
    Place("internet6", frozenset({TLS, 8443}), address="2606:4700:4700::1111"),
    Place("intranet", frozenset({TLS, 8443, SQL}), address="10.1.2.3"),
    Place("intranet6", frozenset({TLS}), address="fd00::1"),
    Place("metadata", frozenset({80, TLS}), address="169.254.169.254"),
    Place("node-dns", frozenset({DNS}), address="169.254.20.10"),
)
ELSEWHERE = (
    *ADDRESSES,
    _elsewhere("temporal", TEMPORAL, "order-saga-temporal"),
    _elsewhere("gateway", TLS, "order-saga-gateway"),
    _elsewhere("prometheus", 9090, "order-saga-monitoring"),
    _elsewhere("collector", TRACES, "order-saga-telemetry"),
    _elsewhere("kube-system", DNS),
    _elsewhere("stranger", 8000),
)


def only_these(objects: list[Object]) -> Faults:
    """Policies let through what programs need, at both ends, and nothing else."""
    policies, wanted = of_kind(objects, "NetworkPolicy"), set(find_wanted(objects))
    near = [*find_programs(objects), *_find_stores()]
    for source in (*near, *ELSEWHERE):
        for target in (*near, *ELSEWHERE):
            if OURS not in {source.namespace, target.namespace}:
                continue
            for port in target.listens:
                connection = (source.name, target.name, port)
                if is_allowed(policies, source, target, port) != (connection in wanted):
                    verb = "cannot reach" if connection in wanted else "reaches"
                    yield f"{source.name} {verb} {target.name} at {port}"


def find_wanted(objects: list[Object]) -> Iterator[Connection]:
    """(from, to, port) of every connection that there has to be."""
    programs = find_programs(objects)
    for who, pod in pods(objects):
        name = who.partition(" ")[2]
        yield from ((name, *found) for found in _find_needs(name, *_command(pod)))
    for place in (*programs, *_find_stores()):
        yield place.name, "kube-system", DNS
        yield place.name, "node-dns", DNS
        if place.name in {"api", "codec"}:
            yield "gateway", place.name, place.names["http"]
        if place.name != "codec":  # it has no metrics
            yield from (("prometheus", place.name, port) for port in place.names.values())
    for database in DATABASES:
        yield f"{database}-database", f"{database}-database", SQL  # a standby and its primary
    yield "bus", "bus", NATS_CLUSTER


def _find_needs(name: str, program: str, *arguments: str) -> Iterator[tuple[str, int]]:
    granted = PROGRAMS[program]
    reads = READ[program]
    for database in DATABASES:
        told = program != "saga-migrate" or database in arguments
        if database_variable(database) in granted and told:
            yield f"{database}-database", SQL
    if EventSettings in reads:
        yield "bus", NATS
    if ServiceLocationSettings in reads:
        yield from ((service, 8000) for service in SERVICES)
    if TelemetrySettings in reads:
        yield "collector", TRACES
    if _speaks_to_temporal(name):
        yield "temporal", TEMPORAL
    fields = {field for kind in reads for field in kind.model_fields}
    if "api_auth_jwks" in fields or ProviderSettings in reads:  # whose addresses are not ours
        yield from ((place.name, TLS) for place in ADDRESSES if TLS in place.listens)
        yield "gateway", TLS  # as an issuer in the cluster may be behind it
    if program == "saga-webhooks":  # customers' receivers, at any port
        yield from (
            (place.name, port)
            for place in ADDRESSES
            if place.name.startswith("internet")
            for port in place.listens
        )


def _speaks_to_temporal(name: str) -> bool:
    """As in compose, whose containers reach Temporal by a network of that name."""
    alike = {"migrate-temporal": "temporal-setup"}.get(name, name)
    return "temporal" in _read_compose()[alike].get("networks", [])


@cache
def _read_compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found | {"migrate-temporal": found["temporal-setup"]}


def _command(pod: Object) -> list[str]:
    found: list[str] = pod["spec"]["containers"][0]["args"]
    return found


def find_programs(objects: list[Object]) -> list[Place]:
    """Our own pods, as the policies see them."""
    found = []
    for resource in of_kind(objects, "Deployment", "Job"):
        template = resource["spec"]["template"]
        ports = template["spec"]["containers"][0].get("ports", [])
        names = {item["name"]: item["containerPort"] for item in ports}
        meta = resource["metadata"]
        space = meta.get("namespace", "default")
        labels = template["metadata"]["labels"]
        listens = frozenset(names.values())
        found.append(Place(meta["name"], listens, space, labels, {NAME: space}, names))
    return found


def _find_stores() -> Iterator[Place]:
    """Pods in our namespace that are not of these manifests."""
    near = {NAME: OURS}
    for database in DATABASES:
        labels = {"order-saga-database": database}
        yield Place(f"{database}-database", frozenset({SQL}), OURS, labels, near)
    bus = {"order-saga-bus": "true"}
    yield Place("bus", frozenset({NATS, NATS_CLUSTER}), OURS, bus, near)
    yield Place("neighbour", frozenset({8000}), OURS, {}, near)
