"""The gateway's routes: what is not here is not there.

A route's time-out bounds the whole answer. A GET that was not answered is tried again. Of other
requests, only those are that could not even be sent, with another instance; of one that was, the
outcome is not known.
"""

from infrastructure.envoy.builders import Json, build_extension, duration, other_host
from infrastructure.envoy.settings import GatewaySettings

API = "api"
RBAC = "envoy.filters.http.rbac"
EVENTS = r"/v1/(orders/[^/]+/)?events"  # live: answers without end
PUBLIC = ("/health/live", "/health/ready", "/openapi.json", "/docs")
# Envoy joins two headers `Host` by a comma; RFC 9112 has them refused.
_TWO_HOSTS: Json = {
    "prefix": "/",
    "headers": [{"name": ":authority", "string_match": {"contains": ","}}],
}
UNSENT = "connect-failure"
UNANSWERED = "connect-failure,refused-stream,reset"
GET = [{"name": ":method", "string_match": {"exact": "GET"}}]


def table(settings: GatewaySettings) -> list[Json]:
    """All routes, the first that fits wins; every other path is answered 404."""
    events = {"safe_regex": {"regex": EVENTS}, "headers": GET}
    reading = {"prefix": "/v1/", "headers": GET}
    stream = _to_api(0.0, idle_timeout=duration(settings.stream_idle))
    read = _to_api(settings.read_timeout, retry_policy=_retries(settings, UNANSWERED))
    write = _to_api(settings.write_timeout, retry_policy=_retries(settings, UNSENT))
    return [
        {"match": _TWO_HOSTS, "direct_response": {"status": 400}} | _for_all(),
        {"match": events, "route": stream},
        {"match": reading, "route": read},
        {"match": {"prefix": "/v1/"}, "route": write},
        *({"match": {"path": path}, "route": read} | _for_all() for path in PUBLIC),
        {"match": {"prefix": "/docs/assets/"}, "route": read} | _for_all(),
        {"match": {"prefix": "/"}, "direct_response": {"status": 404}} | _for_all(),
    ]


def _to_api(timeout: float, **fields: object) -> Json:
    return {"cluster": API, "timeout": duration(timeout), **fields}


def _retries(settings: GatewaySettings, on: str) -> Json:
    """Not of an answer, be it a 503: that one says itself when to come again."""
    return {
        "retry_on": on,
        "num_retries": settings.retries,
        "retry_host_predicate": [other_host()],
        "host_selection_retry_max_attempts": 3,
        "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
    }


def _for_all() -> Json:
    """Without a token."""
    off = build_extension(RBAC, "filters.http.rbac.v3.RBACPerRoute")["typed_config"]
    return {"typed_per_filter_config": {RBAC: off}}
