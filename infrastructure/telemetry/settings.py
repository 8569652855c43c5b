"""Where traces and logs go, by OpenTelemetry's own variables; read in composition roots.

The sampler (OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG), the batches (OTEL_BSP_*) and how spans
are sent (headers, certificates, time-outs: OTEL_EXPORTER_OTLP_*) are read by the library itself.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class TelemetrySettings(BaseSettings):
    """OTEL_* as the specification has them, SAGA_SPANS, LOG_FORMAT and LOG_ERRORS.

    LOG_ERRORS: whether logs and spans say what errors say, or their `types` and places alone, which
    is so where payloads are encrypted.
    """

    otel_sdk_disabled: bool = Field(default=False, description="Whether nothing is traced")
    otel_service_name: str = Field(
        default="", description="What the process is called in traces, instead of its own name"
    )
    otel_traces_exporter: str = Field(
        default="otlp", description="`otlp`, or `none` to send no traces"
    )
    otel_exporter_otlp_endpoint: str = Field(
        default="", description="The collector to send traces to; unset, none are sent"
    )
    otel_exporter_otlp_traces_endpoint: str = Field(
        default="", description="The collector of traces alone, as a whole URL"
    )
    saga_spans: Path | None = Field(
        default=None,
        description="Where spans are kept, for `saga trace`",
        json_schema_extra={"unit": "a folder"},
    )
    log_format: Literal["json", "text"] = Field(default="json", description="How logs are written")
    log_errors: Literal["full", "types"] | None = Field(
        default=None,
        description="Whether logs and spans hold the messages of errors, or their types and places "
        "alone: unset, `types` if payloads are encrypted, else `full`",
    )
    payload_keys_file: Path | None = Field(
        default=None, description="Only whether it is set is looked at, see `LOG_ERRORS`"
    )
    payload_keys: SecretStr | None = Field(
        default=None, description="Only whether it is set is looked at, see `LOG_ERRORS`"
    )

    @property
    def discreet(self) -> bool:
        """Whether what errors say is kept out of logs and spans."""
        encrypted = self.payload_keys_file is not None or self.payload_keys is not None
        return (self.log_errors or ("types" if encrypted else "full")) == "types"

    @property
    def json_logs(self) -> bool:
        """Whether logs are for programs."""
        return self.log_format == "json"

    @property
    def exports(self) -> bool:
        """Whether spans are sent to a collector; there is no default for where."""
        named = self.otel_exporter_otlp_traces_endpoint or self.otel_exporter_otlp_endpoint
        return bool(named) and self.otel_traces_exporter == "otlp"

    @property
    def traces(self) -> bool:
        """Whether there are spans at all."""
        return not self.otel_sdk_disabled and (self.exports or self.saga_spans is not None)
