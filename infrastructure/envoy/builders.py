"""The parts of a configuration: addresses, clusters, listeners, and the whole file.

Durations are seconds, sizes bytes. Nothing here knows what is behind an address.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]

EXTENSIONS = "type.googleapis.com/envoy.extensions"
CONNECT_TIMEOUT = 2.0
# Less than the 5 s after which uvicorn closes an idle connection: a request that is sent on one
# that is just being closed would fail, and only a GET may be tried again.
UPSTREAM_IDLE = 3.0
MOST_REQUESTS = 4096  # at once, of one cluster; event streams count for as long as they last


# Off by default: without it, bytes between a chunk's end and the next line are skipped over.
RUNTIME = {"envoy.reloadable_features.strict_chunk_parsing": True}


class Address(NamedTuple):
    """A host's name or number, and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """From `host:port`. ValueError if it is none."""
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(f"{text!r} is not host:port")
        return cls(host.strip("[]"), int(port))

    @property
    def socket(self) -> Json:
        """As Envoy has it."""
        return {"socket_address": {"address": self.host, "port_value": self.port}}


def build_extension(name: str, kind: str, **fields: Any) -> Json:
    """An extension: its name, its type below `envoy.extensions`, and its fields."""
    return {"name": name, "typed_config": {"@type": f"{EXTENSIONS}.{kind}", **fields}}


def duration(seconds: float) -> str:
    """As protobuf's JSON has it."""
    return f"{seconds:g}s"


def always() -> Json:
    """For all requests; what is not said to be enabled is off."""
    return {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}


def pipe(path: str) -> Json:
    """A Unix socket that only its owner can use."""
    return {"pipe": {"path": path, "mode": 0o600}}


def load(cluster: str, addresses: Sequence[Json]) -> Json:
    """The endpoints of a cluster, where they are known beforehand."""
    endpoints = [{"endpoint": {"address": address}} for address in addresses]
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": endpoints}]}


def cluster(name: str, *addresses: Json, **fields: Any) -> Json:
    """Where requests go. Names are looked up again and again, so that they may move."""
    ours = {
        "name": name,
        "type": "STRICT_DNS"
        if any("socket_address" in address for address in addresses)
        else "STATIC",
        "connect_timeout": duration(CONNECT_TIMEOUT),
        "load_assignment": load(name, addresses),
        "circuit_breakers": {"thresholds": [{"max_requests": MOST_REQUESTS}]},
        "typed_extension_protocol_options": protocol(),
    }
    return ours | fields


def protocol(idle: float = UPSTREAM_IDLE) -> Json:
    """HTTP/1.1 to what is behind, on connections that are given up before they are closed there."""
    kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    options = {
        "@type": f"type.googleapis.com/{kind}",
        "common_http_protocol_options": {"idle_timeout": duration(idle)},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    return {kind: options}


def health_check(every: float, within: float = 1.0, failures: int = 2) -> Json:
    """Of readiness; as often while there is no traffic, for which Envoy's default is a minute."""
    return {
        "timeout": duration(within),
        "interval": duration(every),
        "no_traffic_interval": duration(every),
        "unhealthy_threshold": failures,
        "healthy_threshold": 1,
        "http_health_check": {"path": "/health/ready"},
    }


def other_host() -> Json:
    """Retries go to an instance that was not tried yet, as long as there is one."""
    kind = "retry.host.previous_hosts.v3.PreviousHostsPredicate"
    return build_extension("envoy.retry_host_predicates.previous_hosts", kind)


def listener(name: str, address: Address, manager: Json, **fields: Any) -> Json:
    """A port, and the HTTP connection manager that serves it."""
    filters = [{"filters": [manager]}]
    return {"name": name, "address": address.socket, "filter_chains": filters, **fields}


def manager(
    name: str,
    routes: Sequence[Json],
    filters: Sequence[Json] = (),
    *,
    private: Sequence[str] = (),
    secret: Sequence[str] = (),
    **fields: Any,
) -> Json:
    """An HTTP connection manager: its routes, and the filters before its router.

    `private` headers of requests go no further than to those filters, and `secret` ones of answers
    are not told.
    """
    router = build_extension("envoy.filters.http.router", "filters.http.router.v3.Router")
    router["typed_config"]["suppress_envoy_headers"] = True
    hosts = [{"name": name, "domains": ["*"], "routes": list(routes)}]
    ours: Json = {
        "stat_prefix": name,
        "codec_type": "HTTP1",
        "route_config": {
            "name": name,
            "virtual_hosts": hosts,
            "request_headers_to_remove": list(private),
            "response_headers_to_remove": list(secret),
        },
        "http_filters": [*filters, router],
        "server_header_transformation": "PASS_THROUGH",
    }
    kind = "filters.network.http_connection_manager.v3.HttpConnectionManager"
    return build_extension("envoy.filters.network.http_connection_manager", kind, **(ours | fields))


def bootstrap(
    listeners: Sequence[Json], clusters: Sequence[Json], admin: Mapping[str, Any], connections: int
) -> Json:
    """The whole file. `connections` is how many clients may be connected at once."""
    monitor = {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {
            "@type": f"{EXTENSIONS}.resource_monitors.downstream_connections.v3."
            "DownstreamConnectionsConfig",
            "max_active_downstream_connections": connections,
        },
    }
    return {
        "admin": {"address": admin},
        "static_resources": {"listeners": list(listeners), "clusters": list(clusters)},
        "overload_manager": {"resource_monitors": [monitor]},
        "layered_runtime": {"layers": [{"name": "static", "static_layer": RUNTIME}]},
    }
