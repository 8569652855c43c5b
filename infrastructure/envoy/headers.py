"""Which headers of a request are its client's to set.

What claims an identity or a way that the request came by is dropped: only a proxy of ours may say
so. What holds for one connection only is dropped by Envoy itself.
"""

from infrastructure.envoy.builders import Json, build_extension

# Set by us for the rate limit, over whatever came under that name.
CALLER = "x-gateway-caller"
ISSUER = "x-gateway-issuer"
PRIVATE = (CALLER, ISSUER, "x-envoy-internal", "x-envoy-external-address", "trailer")
SECRET = ("server", "x-powered-by", "via")  # of answers: what the parts behind us are

_FORWARDED = ("x-forwarded-", "forwarded")
_PREFIXES = (
    "x-gateway-",
    "x-envoy-",
    "x-auth-",
    "x-authenticated-",
    "x-user",
    "x-remote-",
    "x-customer",
    "x-client-",
    "x-consumer-",
    "x-jwt-",
    "x-original-",
    "x-rewrite-",
    "x-http-method",
    "x-method-override",
    "x-real-ip",
    "true-client-ip",
    "remote-",
    "proxy-",
)


def taken_in(*, behind_proxies: bool) -> list[Json]:
    """Mutations that come before everything else, even before Envoy looks at the request."""
    prefixes = _PREFIXES if behind_proxies else (*_PREFIXES, *_FORWARDED)
    mutations = [{"remove_on_match": {"key_matcher": _prefix(prefix)}} for prefix in prefixes]
    kind = "http.early_header_mutation.header_mutation.v3.HeaderMutation"
    return [
        build_extension(
            "envoy.http.early_header_mutation.header_mutation", kind, mutations=mutations
        )
    ]


def _prefix(prefix: str) -> Json:
    return {"prefix": prefix, "ignore_case": True}
