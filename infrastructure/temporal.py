"""A connection to Temporal, by Temporal's own settings: `TEMPORAL_*` and `temporal.toml`."""

from collections.abc import Mapping, Sequence

from temporalio.client import Client, Plugin
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig


async def connect(
    *,
    runtime: Runtime | None = None,
    identity: str | None = None,
    lazy: bool = False,
    environment: Mapping[str, str] | None = None,
    plugins: Sequence[Plugin] = (),
) -> Client:
    """A client. With `lazy`, the first call connects, so that Temporal may start later.

    `environment` is read instead of the process's.
    """
    config = ClientConfig.load_client_connect_config(
        override_env_vars=None if environment is None else dict(environment)
    )
    config.setdefault("target_host", "localhost:7233")
    return await Client.connect(
        **config,
        data_converter=pydantic_data_converter,
        identity=identity,
        runtime=runtime,
        lazy=lazy,
        plugins=plugins,
    )


def runtime_with_metrics(address: str) -> Runtime:
    """An SDK runtime that serves Prometheus metrics at `address` (host:port)."""
    return Runtime(telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address=address)))
