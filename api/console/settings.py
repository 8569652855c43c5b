"""Where the console's links lead, and what it looks at besides the API's own parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic_settings import BaseSettings

from infrastructure.database import Database
from infrastructure.registry.instances import Registry
from infrastructure.registry.postgres import PostgresRegistry
from infrastructure.settings import RegistrySettings


@dataclass(frozen=True)
class Settings:
    """What is not set is left out of the pages, which say so.

    `trace_url` and `payment_url` are templates: `{order_id}`, `{saga_id}` and `{intent_id}` are
    filled in. `reports` are folders of pages and pictures. `metrics` are URLs where workers and
    services are read by Prometheus. `envoy` is the admin of the Envoy between services: an http URL
    or the path of a socket.
    """

    trace_url: str = ""
    payment_url: str = ""
    reports: tuple[Path, ...] = ()
    metrics: tuple[str, ...] = ()
    envoy: str = ""
    registry: Registry | None = field(default=None, compare=False)


class ConsoleSettings(BaseSettings):
    """CONSOLE_TRACE_URL and so on, see `Settings`; several values are divided by blanks."""

    console_trace_url: str = ""
    console_payment_url: str = ""
    console_reports: str = "bench reports"
    console_metrics: str = ""
    console_envoy: str = ""


@asynccontextmanager
async def from_environment() -> AsyncIterator[Settings]:
    """What the environment says; for composition roots. The registry is asked when first needed."""
    given, url = ConsoleSettings(), RegistrySettings().registry_database_url
    database = Database(url, pool_size=1) if url else None
    try:
        yield Settings(
            trace_url=given.console_trace_url,
            payment_url=given.console_payment_url,
            reports=tuple(Path(it) for it in given.console_reports.split()),
            metrics=tuple(given.console_metrics.split()),
            envoy=given.console_envoy,
            registry=PostgresRegistry(database) if database else None,
        )
    finally:
        if database is not None:
            await database.close()
