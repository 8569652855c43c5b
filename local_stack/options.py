"""What is asked of the stack: by flags, and by what the environment says is running already."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, Field, ValidationError

from contracts.names import DATABASES, SERVICES
from local_stack.errors import StackError

HOST = "127.0.0.1"
MOST_INSTANCES = 9  # of a service


class Topology(StrEnum):
    """Where the services run."""

    MONOLITH = "monolith"  # inside the API and the workers
    SERVICES = "services"  # as processes of their own


class Ports(BaseModel, frozen=True):
    """Where everything listens on 127.0.0.1; worker n takes the two bases plus n.

    The gateway's metrics and the relay's health are at the bases themselves; the health of what
    sends webhooks is behind the last worker's.
    """

    gateway: int = Field(default=8080, ge=1, le=65535)
    api: int = Field(default=8000, ge=1, le=65535)
    temporal: int = Field(default=7233, ge=1, le=65535)
    temporal_ui: int = Field(default=8233, ge=1, le=65535)
    codec: int = Field(default=8234, ge=1, le=65535)
    provider: int = Field(default=8420, ge=1, le=65535)
    postgres: int = Field(default=15432, ge=1, le=65535)
    metrics_base: int = Field(default=9100, ge=1, le=65000)
    health_base: int = Field(default=9200, ge=1, le=65000)
    services_base: int = Field(default=8500, ge=1, le=65000)

    def move_defaults(self, offset: int) -> "Ports":
        """Those that are as by default move by so much. StackError if one ends above 65535."""
        usual, given = Ports().model_dump(), self.model_dump()
        moved = {name: port + offset * (port == usual[name]) for name, port in given.items()}
        try:
            return Ports(**moved)
        except ValidationError as error:
            name = error.errors()[0]["loc"][0]
            raise StackError(
                f"--port-offset {offset}: {name} would be at {moved[str(name)]}; ports end at 65535"
            ) from error

    def service(self, name: str) -> int:
        """Where a service is called, whichever instance answers."""
        return self.services_base + _find_number(name)

    @property
    def discovery(self) -> int:
        """Where the metrics are of who watches over the instances."""
        return self.services_base + 9

    def instance(self, service: str, n: int) -> int:
        """Where the n-th instance of a service listens; n counts from 1."""
        return self.services_base + 10 * (_find_number(service) + 1) + n

    def metrics_of_api(self, workers: int) -> int:
        """The port of the metrics of the API's own worker: the one after the others'."""
        return self.metrics_base + workers + 1

    def health_of_webhooks(self, workers: int) -> int:
        """The port of the health of what sends webhooks: the one after the workers'."""
        return self.health_base + workers + 1


def _find_number(service: str) -> int:
    return list(SERVICES).index(service)


@dataclass(frozen=True)
class Options:
    """The flags of `saga up`; `state_dir` is absolute."""

    state_dir: Path
    workers: int = 2
    ports: Ports = field(default_factory=Ports)
    gateway: bool = True
    topology: Topology = Topology.MONOLITH
    scale: Mapping[str, int] = field(default_factory=dict)  # service: instances
    tracing: bool = True
    separate: bool = False  # whether the API leaves all work to the workers
    encrypt: bool = False  # payloads on Temporal
    durable: bool = True  # whether what is stored survives a crash of the machine

    def __post_init__(self) -> None:
        if self.topology is Topology.MONOLITH and self.scale:
            raise StackError("--scale needs --topology services: else services are no processes")
        if self.topology is Topology.SERVICES and not self.gateway:
            raise StackError("--no-gateway: the services are called through the gateway's Envoy")

    @property
    def split(self) -> bool:
        """Whether services are processes of their own."""
        return self.topology is Topology.SERVICES

    def scale_of(self, service: str) -> int:
        """How many instances of it there are to be."""
        return self.scale.get(service, 1)


def database_variable(service: str) -> str:
    """The variable that a service's database URL is in."""
    return f"{service.upper()}_DATABASE_URL"


@dataclass(frozen=True)
class ExternalServices:
    """What runs already, so that the stack uses it instead of starting one."""

    databases: Mapping[str, str] = field(default_factory=dict)  # service: URL
    temporal: str | None = None
    provider: str | None = None
    issuer: bool = False  # of the API's tokens
    registry: str | None = None  # its database

    @classmethod
    def by(cls, environ: Mapping[str, str]) -> "ExternalServices":
        """Read TEMPORAL_ADDRESS, PAYMENT_PROVIDER_URL, API_AUTH_JWKS and the database URLs."""
        provider = environ.get("PAYMENT_PROVIDER_URL") or None
        if provider and not environ.get("PAYMENT_PROVIDER_KEY"):
            raise StackError("PAYMENT_PROVIDER_URL is set, so PAYMENT_PROVIDER_KEY is needed too")
        issuer = bool(environ.get("API_AUTH_JWKS"))
        if issuer and not (environ.get("API_AUTH_ISSUER") and environ.get("API_AUTH_AUDIENCE")):
            raise StackError(
                "API_AUTH_JWKS is set, so API_AUTH_ISSUER and API_AUTH_AUDIENCE are needed too"
            )
        urls = {service: environ.get(database_variable(service), "") for service in DATABASES}
        return cls(
            databases={service: url for service, url in urls.items() if url},
            temporal=environ.get("TEMPORAL_ADDRESS") or None,
            provider=provider,
            issuer=issuer,
            registry=environ.get("REGISTRY_DATABASE_URL") or None,
        )

    def all_databases(self, *, split: bool) -> bool:
        """Whether no PostgreSQL of ours is needed; split services need a registry too."""
        return len(self.databases) == len(DATABASES) and (self.registry is not None or not split)


def parse_scale(words: Sequence[str]) -> dict[str, int]:
    """From `payment=3` and so on. StackError says what is wrong."""
    scale: dict[str, int] = {}
    for word in words:
        service, _, count = word.partition("=")
        if service not in SERVICES:
            raise StackError(f"--scale {word}: the services are {', '.join(SERVICES)}")
        if not count.isdigit() or not 1 <= int(count) <= MOST_INSTANCES:
            raise StackError(f"--scale {word}: say {service}=N, N from 1 to {MOST_INSTANCES}")
        scale[service] = int(count)
    return scale


class PortToListenOn(NamedTuple):
    """A port to listen on, who would, and the flag that changes it."""

    port: int
    name: str
    flag: str


def wanted_ports(options: Options, given: ExternalServices) -> list[PortToListenOn]:
    """All ports that the stack would listen on."""
    ports = options.ports
    wanted = [PortToListenOn(ports.api, "API", "--api-port")]
    if options.gateway:
        wanted.append(PortToListenOn(ports.gateway, "gateway", "--gateway-port"))
        wanted.append(PortToListenOn(ports.metrics_base, "gateway metrics", "--metrics-base-port"))
    if given.temporal is None:
        wanted.append(PortToListenOn(ports.temporal, "Temporal", "--temporal-port"))
        wanted.append(PortToListenOn(ports.temporal_ui, "Temporal UI", "--temporal-ui-port"))
    if options.encrypt:
        wanted.append(PortToListenOn(ports.codec, "codec server", "--codec-port"))
    if given.provider is None:
        wanted.append(PortToListenOn(ports.provider, "payment provider", "--provider-port"))
    if not given.all_databases(split=options.split):
        wanted.append(PortToListenOn(ports.postgres, "PostgreSQL", "--postgres-port"))
    wanted.append(PortToListenOn(ports.health_base, "relay health", "--health-base-port"))
    if not options.separate:
        own = ports.metrics_of_api(options.workers)
        wanted.append(PortToListenOn(own, "API's metrics", "--metrics-base-port"))
    wanted.append(
        PortToListenOn(
            ports.health_of_webhooks(options.workers), "webhooks health", "--health-base-port"
        )
    )
    for n in range(1, options.workers + 1):
        name = f"worker-{n}"
        wanted.append(
            PortToListenOn(ports.metrics_base + n, f"{name} metrics", "--metrics-base-port")
        )
        wanted.append(PortToListenOn(ports.health_base + n, f"{name} health", "--health-base-port"))
    wanted += _list_service_ports(options)
    return wanted


def _list_service_ports(options: Options) -> Iterator[PortToListenOn]:
    if not options.split:
        return
    flag, ports = "--services-base-port", options.ports
    yield PortToListenOn(ports.discovery, "discovery metrics", flag)
    for service in SERVICES:
        yield PortToListenOn(ports.service(service), f"{service} service", flag)
        for n in range(1, options.scale_of(service) + 1):
            yield PortToListenOn(ports.instance(service, n), f"{service}-{n}", flag)
