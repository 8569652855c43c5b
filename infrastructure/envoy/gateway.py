"""The gateway: what every request from outside passes, in this order.

Headers that are not the client's to set are dropped; the token is verified, if there is one; the
caller's rate is counted, be the token good or not; who has no good token is refused, but on routes
for all; the body is taken whole; the request is routed. The API verifies the token again.
"""

from dataclasses import dataclass, field
from pathlib import Path

from infrastructure.envoy import filters, headers, local_replies, observability, routes
from infrastructure.envoy.builders import (
    Address,
    Json,
    bootstrap,
    build_extension,
    cluster,
    duration,
    health_check,
    listener,
    manager,
    pipe,
)
from infrastructure.envoy.jwks_source import KeySource
from infrastructure.envoy.mesh import ServiceMesh
from infrastructure.envoy.settings import GatewaySettings

MAX_HEADERS_KB = 24  # path, query and headers together; the API bounds each of them
MAX_HEADERS = 100
HEAD_TIMEOUT = 10.0
REQUEST_TIMEOUT = 20.0  # for head and body to arrive
API_CHECKED_EVERY = 1.0  # an instance that is to stop drains for longer
IDLE = 60.0  # of a connection, and of a request that waits for its answer; longer than a wait


@dataclass(frozen=True)
class Gateway:
    """Where the gateway listens, what is behind it, and whose tokens it takes.

    `admin` is a Unix socket, best relative to where Envoy runs: paths of sockets are short.
    `mesh` is what the same Envoy does between services, where these are processes of their own.
    `metrics` is for Prometheus and health checks, not for the outside. `watched` has instances of
    the API left out while they are not ready; for a single one that would be in vain.
    """

    listen: Address
    apis: tuple[Address, ...]
    metrics: Address
    issuer: str
    audience: str
    keys: KeySource
    access_log: Path
    admin: str = "gateway.sock"
    settings: GatewaySettings = field(default_factory=GatewaySettings)
    mesh: ServiceMesh | None = None
    tracing: observability.Tracing | None = None
    watched: bool = False

    def config(self) -> Json:
        """Envoy's configuration."""
        clusters = [
            cluster(routes.API, *(api.socket for api in self.apis), **self._watch()),
            cluster(observability.ADMIN, pipe(self.admin)),
            *self.keys.clusters(),
        ]
        if self.tracing is not None:
            clusters.append(self.tracing.cluster(self.metrics))
        listeners = [self._listener(), observability.metrics(self.metrics)]
        if self.mesh is not None:
            clusters += self.mesh.clusters()
            listeners += self.mesh.listeners()
        return bootstrap(listeners, clusters, pipe(self.admin), self.settings.connections)

    def _watch(self) -> Json:
        return {"health_checks": [health_check(API_CHECKED_EVERY)]} if self.watched else {}

    def _listener(self) -> Json:
        passed = [
            filters.token(self.issuer, self.audience, self.keys),
            filters.caller(),
            observability.parent(),
            filters.rate(self.settings),
            filters.admission(),
            filters.body(),
        ]
        table = routes.table(self.settings)
        hidden = {"private": headers.PRIVATE, "secret": headers.SECRET}
        options = hidden | _bounds() | _trust(self.settings.trusted_proxies) | self._marks()
        ours = manager("gateway", table, passed, **options)
        buffered = 2 * filters.MAX_BODY
        return listener("gateway", self.listen, ours, per_connection_buffer_limit_bytes=buffered)

    def _marks(self) -> Json:
        """Request ids, traces, the log, and what the gateway answers itself."""
        # A caller may bring an id of any form, so it tells nothing of traces.
        apart = {"pack_trace_reason": False, "use_request_id_for_trace_sampling": False}
        ids = build_extension("", "request_id.uuid.v3.UuidRequestIdConfig", **apart)
        return {
            "request_id_extension": {"typed_config": ids["typed_config"]},
            "preserve_external_request_id": True,
            "always_set_request_id_in_response": True,
            "local_reply_config": local_replies.config(),
            "access_log": [observability.access_log(str(self.access_log))],
        } | ({} if self.tracing is None else {"tracing": self.tracing.field()})


def _trust(proxies: int) -> Json:
    """Who the peer is: whoever connects, or whom so many proxies of ours name. Nobody is inside."""
    return {
        "use_remote_address": True,
        "xff_num_trusted_hops": proxies,
        "internal_address_config": {"unix_sockets": False},
        "early_header_mutation_extensions": headers.taken_in(behind_proxies=proxies > 0),
    }


def _bounds() -> Json:
    """Sizes and times of a request, and what a path may look like: one way to write it only."""
    return {
        "max_request_headers_kb": MAX_HEADERS_KB,
        "request_headers_timeout": duration(HEAD_TIMEOUT),
        "request_timeout": duration(REQUEST_TIMEOUT),
        "stream_idle_timeout": duration(IDLE),
        "common_http_protocol_options": {
            "idle_timeout": duration(IDLE),
            "max_headers_count": MAX_HEADERS,
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
    }
