"""Where the console's links lead, and what it looks at besides the API's own parts."""

from dataclasses import dataclass, field
from pathlib import Path

from infrastructure.registry.instances import Registry


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
