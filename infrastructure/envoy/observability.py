"""What is seen of the gateway: its log, its traces, its metrics."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from infrastructure.envoy import filters
from infrastructure.envoy.builders import Address, Json, build_extension, cluster, listener, manager

ADMIN = "admin"
SPANS = "spans"
PARENT = "gateway.parent"
LOG = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%6fZ)%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:PATH)%",  # without the query, which may name a customer
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "milliseconds": "%DURATION%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
    "caller": filters.CALLER,
    "peer": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "user_agent": "%REQ(USER-AGENT)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "connection": "%CONNECTION_ID%",
    "upstream": "%UPSTREAM_HOST%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "trace_id": "%TRACE_ID%",
    "span_id": "%SPAN_ID%",
    "parent": f"%FILTER_STATE({PARENT}:PLAIN)%",
}


def access_log(path: str) -> Json:
    """A line of JSON for each request."""
    kind = "access_loggers.file.v3.FileAccessLog"
    return build_extension(
        "envoy.access_loggers.file", kind, path=path, log_format={"json_format": LOG}
    )


@dataclass(frozen=True)
class Tracing:
    """Spans of the gateway. `collector` is the base URL of OTLP over HTTP; without one, the log has
    all that there is of them. `share` of those traces is kept that begin here, from 0 to 1.
    """

    collector: str = ""
    share: float = 1.0

    def field(self) -> Json:
        """A span for each request, which goes on to the API as W3C `traceparent`."""
        base = self.collector.rstrip("/") or "http://spans"
        uri = {"uri": f"{base}/v1/traces", "cluster": SPANS, "timeout": "1s"}
        provider = {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                "service_name": "gateway",
                "http_service": {"http_uri": uri},
                "sampler": self._sampler(),
            },
        }
        return {"provider": provider, "spawn_upstream_span": False}

    def _sampler(self) -> Json:
        """A trace that the caller began is kept if the caller keeps it."""
        kind = "tracers.opentelemetry.samplers.v3"
        name = "envoy.tracers.opentelemetry.samplers"
        part = {"numerator": round(self.share * 1_000_000), "denominator": "MILLION"}
        ratio = build_extension(
            f"{name}.trace_id_ratio_based",
            f"{kind}.TraceIdRatioBasedSamplerConfig",
            sampling_percentage=part,
        )
        return build_extension(
            f"{name}.parent_based", f"{kind}.ParentBasedSamplerConfig", wrapped_sampler=ratio
        )

    def cluster(self, metrics: Address) -> Json:
        """Where spans are sent: the collector, or our own port, which drops them."""
        if not self.collector:
            return cluster(SPANS, metrics.socket)
        parts = urlsplit(self.collector)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"the gateway sends spans to http:// only, not to {self.collector!r}")
        return cluster(SPANS, Address(parts.hostname, parts.port or 80).socket)


def parent() -> Json:
    """A filter that keeps the caller's `traceparent` for the log; Envoy writes its own over it."""
    kept = {
        "object_key": PARENT,
        "factory_key": "envoy.string",
        "format_string": {
            "text_format_source": {"inline_string": "%REQ(traceparent)%"},
            "omit_empty_values": True,
        },
        "skip_if_empty": True,
    }
    kind = "filters.http.set_filter_state.v3.Config"
    return build_extension("envoy.filters.http.set_filter_state", kind, on_request_headers=[kept])


def metrics(address: Address) -> Json:
    """On loopback: `/metrics` and `/ready`, out of all that the admin's socket has.

    Takes spans, and drops them, where nobody else collects them.
    """
    ours = [
        _from_admin("/metrics", "/stats/prometheus"),
        _from_admin("/ready", "/ready"),
        {"match": {"path": "/v1/traces"}, "direct_response": {"status": 200}},
    ]
    return listener("metrics", address, manager("metrics", ours))


def _from_admin(path: str, there: str) -> Json:
    match = {"path": path, "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]}
    return {"match": match, "route": {"cluster": ADMIN, "prefix_rewrite": there}}
