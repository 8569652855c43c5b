"""Envoy between the parts of the system: a listener for each service, and its instances behind it.

An instance is left out while its health check fails, or its connections do. A connection that could
not be made is tried with another instance, since nothing was sent; nothing else is tried again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from infrastructure.envoy.builders import (
    Address,
    Json,
    cluster,
    duration,
    health_check,
    listener,
    manager,
    other_host,
    protocol,
)
from infrastructure.envoy.endpoints import EndpointFiles

TIMEOUT = 15.0  # seconds for a call; its caller gives up before that
CONNECT_WITHIN = 0.5
IDLE = 30.0  # shorter than a service keeps an idle connection
CHECK_EVERY, CHECK_WITHIN, CHECKS_FAILED = 1.0, 1.0, 2
EJECTED_FOR = 5.0
RETRIES = 2
SUFFIX = "BALANCING"


class Balancing(StrEnum):
    """Which instance a call goes to."""

    ROUND_ROBIN = "round_robin"
    RANDOM = "random"
    LEAST_REQUEST = "least_request"  # of two chosen at random, the one with fewer under way


def balancing_by(environ: Mapping[str, str], services: Sequence[str]) -> dict[str, Balancing]:
    """USER_BALANCING and so on; round robin if nothing is said. ValueError names a wrong one."""
    found: dict[str, Balancing] = {}
    for service in services:
        name = f"{service.upper()}_{SUFFIX}"
        word = environ.get(name) or Balancing.ROUND_ROBIN
        if word not in set(Balancing):
            raise ValueError(f"{name} is {word!r}, not one of {', '.join(Balancing)}")
        found[service] = Balancing(word)
    return found


@dataclass(frozen=True)
class ServiceMesh:
    """`places` is where callers find each service; `names` is where DNS has it, for containers.

    A service without a name has its instances in the files of endpoints.
    """

    places: Mapping[str, Address]
    files: EndpointFiles
    balancing: Mapping[str, Balancing] = field(default_factory=dict)
    names: Mapping[str, Address] = field(default_factory=dict)

    def prepare(self) -> None:
        """Envoy does not start without its files of endpoints; an empty one says: nobody yet."""
        self.files.make(place for place in self.places if place not in self.names)

    def listeners(self) -> list[Json]:
        """One for each service."""
        return [
            listener(
                f"{service}_service",
                place,
                manager(f"{service}_service", [_route(service)]),
                ignore_global_conn_limit=True,  # a crowd outside must not shut us out
            )
            for service, place in self.places.items()
        ]

    def clusters(self) -> list[Json]:
        """One for each service."""
        return [self._cluster(service) for service in self.places]

    def _cluster(self, service: str) -> Json:
        balancing = self.balancing.get(service, Balancing.ROUND_ROBIN)
        fields: Json = {
            "lb_policy": balancing.upper(),
            "connect_timeout": duration(CONNECT_WITHIN),
            "health_checks": [health_check(CHECK_EVERY, CHECK_WITHIN, CHECKS_FAILED)],
            "outlier_detection": _outliers(),
            "common_lb_config": _at_once(),
            "ignore_health_on_host_removal": True,
            "typed_extension_protocol_options": protocol(IDLE),
        }
        if service in self.names:
            return cluster(service, self.names[service].socket, **fields)
        source = {"path_config_source": {"path": str(self.files.path(service))}}
        found = cluster(service, **fields) | {"type": "EDS", "eds_cluster_config": {}}
        found["eds_cluster_config"] = {"eds_config": source | {"resource_api_version": "V3"}}
        del found["load_assignment"]
        return found


def _route(service: str) -> Json:
    retries = {
        "retry_on": "connect-failure",
        "num_retries": RETRIES,
        "retry_host_predicate": [other_host()],
        "host_selection_retry_max_attempts": 3,
    }
    route = {"cluster": service, "timeout": duration(TIMEOUT), "retry_policy": retries}
    return {"match": {"prefix": "/"}, "route": route}


def _at_once() -> Json:
    """Changes hold from the moment they are known; Envoy's default gathers them for a second.

    With no instance that is well, calls fail: the caller's breaker takes it from there.
    """
    return {"healthy_panic_threshold": {"value": 0}, "update_merge_window": duration(0)}


def _outliers() -> Json:
    """Only what happens to connections counts. A 503 is a service's own word, of what it needs."""
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 3,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "base_ejection_time": duration(EJECTED_FOR),
        "max_ejection_time": duration(EJECTED_FOR * 6),
        "max_ejection_percent": 67,
        "interval": "1s",
    }
