"""Where the console's links lead, and what it looks at besides the API's own parts."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


@dataclass(frozen=True)
class Settings:
    """What is not set is left out of the pages, which say so.

    `trace_url` and `payment_url` are templates: `{order_id}`, `{saga_id}` and `{intent_id}` are
    filled in. `reports` are folders of pages and pictures. `metrics` are URLs where workers,
    services and discovery are read by Prometheus, each as `name=URL`. `envoy` is
    the admin of the Envoy between services: an http URL or the path of a socket. `demo_orders` says
    whether an empty list of orders offers to place some.
    """

    trace_url: str = ""
    payment_url: str = ""
    reports: tuple[Path, ...] = ()
    metrics: tuple[str, ...] = ()
    envoy: str = ""
    demo_orders: bool = False


class ConsoleSettings(BaseSettings):
    """CONSOLE_TRACE_URL and so on, see `Settings`; several values are divided by blanks."""

    console_trace_url: str = Field(
        default="",
        description="Where links to an order's traces lead; `{order_id}` and `{saga_id}` are "
        "filled in",
    )
    console_payment_url: str = Field(
        default="",
        description="Where links to a payment at the provider lead; `{intent_id}` is filled in",
    )
    console_reports: str = Field(
        default="bench reports", description="Folders of reports to show, divided by blanks"
    )
    console_metrics: str = Field(
        default="",
        description="Where metrics of processes are read, each as `name=URL`, divided by blanks",
    )
    console_envoy: str = Field(
        default="",
        description="The admin interface of the Envoy between services: an http URL, or the path "
        "of a socket",
    )
    console_demo_orders: bool = Field(
        default=False,
        description="Whether an empty list of orders offers to place some, for trying things out",
    )


def from_environment() -> Settings:
    """What the environment says; for composition roots."""
    given = ConsoleSettings()
    return Settings(
        trace_url=given.console_trace_url,
        payment_url=given.console_payment_url,
        reports=tuple(Path(word) for word in given.console_reports.split()),
        metrics=tuple(given.console_metrics.split()),
        envoy=given.console_envoy,
        demo_orders=given.console_demo_orders,
    )
