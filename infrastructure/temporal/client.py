"""A connection to Temporal, by Temporal's own settings: `TEMPORAL_*` and `temporal.toml`.

Payloads go encrypted if `PAYLOAD_*` say so, see `codec.settings`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from temporalio.client import Client, Plugin
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import (
    LoggingConfig,
    LoggingFormat,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
)

from infrastructure.temporal.codec_settings import PayloadSettings
from infrastructure.temporal.data_converter import converter_of, replaying

DEFAULT_NAMESPACE = "default"


async def connect(
    *,
    runtime: Runtime | None = None,
    identity: str | None = None,
    lazy: bool = False,
    environment: Mapping[str, str] | None = None,
    plugins: Sequence[Plugin] = (),
) -> Client:
    """A client. With `lazy`, the first call connects, so that Temporal may start later.

    `environment` is read instead of the process's. KeysUnusable if payloads are to be encrypted
    under keys that cannot be used.
    """
    config = ClientConfig.load_client_connect_config(
        override_env_vars=None if environment is None else dict(environment)
    )
    config.setdefault("target_host", "localhost:7233")
    return await Client.connect(
        **config,
        data_converter=converter_of(
            PayloadSettings.of(environment), config.get("namespace", DEFAULT_NAMESPACE)
        ),
        identity=identity,
        runtime=runtime,
        lazy=lazy,
        plugins=plugins,
    )


def runtime_of(metrics_port: int | None, *, json_logs: bool, host: str = "127.0.0.1") -> Runtime:
    """An SDK runtime that logs as the process does, and serves Prometheus metrics on `host`."""
    metrics = PrometheusConfig(bind_address=f"{host}:{metrics_port}") if metrics_port else None
    form = LoggingFormat.JSON if json_logs else LoggingFormat.COMPACT
    logs = replace(LoggingConfig.default, format=form)
    return Runtime(telemetry=TelemetryConfig(logging=logs, metrics=metrics))


def demand_keys() -> None:
    """KeysUnusable, at start-up, if payloads are to be encrypted and cannot be."""
    settings = PayloadSettings.of()
    if settings.mode != "off":
        settings.keys()


def namespace_of(environment: Mapping[str, str] | None = None) -> str:
    """The namespace that `connect` would lead to."""
    config = ClientConfig.load_client_connect_config(
        override_env_vars=None if environment is None else dict(environment)
    )
    return config.get("namespace", DEFAULT_NAMESPACE)


def replay_converter(environment: Mapping[str, str] | None = None) -> DataConverter:
    """For replays of histories of that namespace."""
    return replaying(PayloadSettings.of(environment), namespace_of(environment))
