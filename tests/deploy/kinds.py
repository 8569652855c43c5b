"""Which settings each program reads, as compose and the manifests have to give them."""

import ast
from collections.abc import Mapping
from importlib import import_module

from pydantic_settings import BaseSettings

from api import __main__ as api
from console.settings import ConsoleSettings
from contracts.names import SERVICES
from infrastructure.codec_server.__main__ import CodecSettings
from infrastructure.settings import (
    AnyDatabaseSettings,
    DatabaseSettings,
    EventSettings,
    ProviderSettings,
    RegistrySettings,
    ServiceDatabaseSettings,
    ServiceUrlSettings,
    UserKeySettings,
    WebhookSettings,
)
from infrastructure.telemetry.settings import TelemetrySettings
from infrastructure.temporal.codec_settings import PayloadSettings
from relay.relays import OutboxSettings
from services import envoy_discovery, server_process
from services.locations import ServiceLocationSettings
from services.user import encrypt_existing
from tests.deploy.composed import ROOT
from workers.deployment_version import VersionSettings

Kinds = tuple[type[BaseSettings], ...]


def served(service: str) -> Kinds:
    """What a service as a process of its own reads, but for what it alone has."""
    own: type[BaseSettings] = import_module(f"services.{service}.__main__").Settings
    return (
        own,
        server_process.AuthSettings,
        server_process.TlsSettings,
        RegistrySettings,
        TelemetrySettings,
    )


# By program. Envoy's configuration, the sandbox and the set-up of Temporal have no such
# classes: their own tests have them run on compose's environment.
READ: Mapping[str, Kinds] = {
    "saga-api": (
        *(api.ApiSettings, api.EventPlace, api.AuthSettings, ConsoleSettings, WebhookSettings),
        *(ServiceLocationSettings, PayloadSettings, TelemetrySettings, VersionSettings),
    ),
    "saga-worker": (ServiceLocationSettings, PayloadSettings, TelemetrySettings, VersionSettings),
    "saga-webhooks": (EventSettings, WebhookSettings, PayloadSettings, TelemetrySettings),
    "saga-relay": (OutboxSettings, EventSettings, TelemetrySettings),
    "saga-codec-server": (CodecSettings, PayloadSettings, TelemetrySettings),
    "saga-migrate": (),
    "saga-encrypt-users": (encrypt_existing.Settings, UserKeySettings),
    **{f"saga-service-{service}": served(service) for service in SERVICES},
    "saga-service-user": (*served("user"), UserKeySettings),
    "saga-service-payment": (*served("payment"), ProviderSettings),
    "saga-sandbox": (),
    "saga-gateway-config": (),
    "saga-search-attributes": (),
}
ELSEWHERE: Kinds = (
    DatabaseSettings,  # all services in one process
    ServiceDatabaseSettings,  # what several others have of it
    ServiceUrlSettings,
    AnyDatabaseSettings,  # of migrations, each of which has the one that it is told
    envoy_discovery.Settings,  # of the registry, which the names of Docker and Kubernetes stand for
)
KNOWN = {*ELSEWHERE, *(item for read_by in READ.values() for item in read_by)}


def declared() -> list[tuple[str, str]]:
    """All classes of settings in our programs, by module and name."""
    found = []
    folders = ("api", "console", "infrastructure", "relay", "sandbox", "services", "workers")
    for path in sorted(item for folder in folders for item in (ROOT / folder).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and any(
                ast.unparse(base).endswith("Settings") for base in node.bases
            ):
                found.append((module, node.name))
    return found
