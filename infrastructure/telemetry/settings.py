"""Where traces and logs go, by OpenTelemetry's own variables; read in composition roots.

The sampler (OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG), the batches (OTEL_BSP_*) and how spans
are sent (headers, certificates, time-outs: OTEL_EXPORTER_OTLP_*) are read by the library itself.
"""

from pathlib import Path
from typing import Literal

from pydantic_settings import BaseSettings


class TelemetrySettings(BaseSettings):
    """OTEL_* as the specification has them, SAGA_SPANS and LOG_FORMAT."""

    otel_sdk_disabled: bool = False
    otel_service_name: str = ""
    otel_traces_exporter: str = "otlp"
    otel_exporter_otlp_endpoint: str = ""
    otel_exporter_otlp_traces_endpoint: str = ""
    saga_spans: Path | None = None  # a folder to keep spans in, for `saga trace`
    log_format: Literal["json", "text"] = "json"

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
