"""The gateway's HTTP filters, in the order in which a request passes them."""

import json

from infrastructure.envoy import headers
from infrastructure.envoy.builders import Json, always, build_extension
from infrastructure.envoy.jwks_source import KeySource
from infrastructure.envoy.routes import RBAC
from infrastructure.envoy.settings import GatewaySettings

JWT = "envoy.filters.http.jwt_authn"
MAX_BODY = 64 * 1024  # as the API's
_SUBJECT = {"command": "DYNAMIC_METADATA", "param": f"{JWT}:jwt_payload:sub"}
_EITHER = json.dumps({"operators": [_SUBJECT, "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT"]})
CALLER = f"%COALESCE({_EITHER})%"  # as Envoy formats it
LEEWAY = 10  # seconds that clocks may differ, as the API's default


def token(issuer: str, audience: str, keys: KeySource) -> Json:
    """Verify the token if there is one, and note what it says, or why it does not hold."""
    provider = {
        "issuer": issuer,
        "audiences": [audience],
        "from_headers": [
            {"name": "Authorization", "value_prefix": f"{scheme} "}
            for scheme in ("Bearer", "bearer")
        ],
        "forward": True,
        "payload_in_metadata": "jwt_payload",
        "failed_status_in_metadata": "jwt_failure",
        "require_expiration": True,
        "clock_skew_seconds": LEEWAY,
        **keys.field(),
    }
    either = [{"provider_name": "callers"}, {"allow_missing_or_failed": {}}]
    rule = {"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": either}}}
    kind = "filters.http.jwt_authn.v3.JwtAuthentication"
    return build_extension(JWT, kind, providers={"callers": provider}, rules=[rule])


def caller() -> Json:
    """Name the caller: the subject of a token that holds, with its issuer; else the peer.

    Written over whatever was sent under that name, so nobody chooses it.
    """
    mutations = [
        _set(headers.CALLER, CALLER),
        _set(headers.ISSUER, f"%DYNAMIC_METADATA({JWT}:jwt_payload:iss)%"),
    ]
    kind = "filters.http.header_mutation.v3.HeaderMutation"
    rules = {"request_mutations": mutations}
    return build_extension("envoy.filters.http.header_mutation", kind, mutations=rules)


def rate(settings: GatewaySettings) -> Json:
    """One bucket a caller, whatever path, method or connection; all workers share it."""
    bucket = {
        "max_tokens": settings.rate_burst,
        "tokens_per_fill": settings.rate_per_second,
        "fill_interval": "1s",
    }
    names = (headers.CALLER, headers.ISSUER)
    actions = [{"request_headers": {"header_name": name, "descriptor_key": name}} for name in names]
    return build_extension(
        "envoy.filters.http.local_ratelimit",
        "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="callers",
        token_bucket=bucket,  # of requests without a caller: there are none
        always_consume_default_token_bucket=False,
        filter_enabled=always(),
        filter_enforced=always(),
        rate_limits=[{"actions": actions}],
        descriptors=[{"entries": [{"key": name} for name in names], "token_bucket": bucket}],
        max_dynamic_descriptors=settings.callers,
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        enable_retry_after_header=True,
    )


def admission() -> Json:
    """Let those in whose token holds; routes for all switch it off."""
    subject = [{"key": "jwt_payload"}, {"key": "sub"}]
    anything = {"string_match": {"safe_regex": {"regex": ".+"}}}
    matcher = {"filter": JWT, "path": subject, "value": anything}
    known = {"sourced_metadata": {"metadata_matcher": matcher}}
    policy = {"permissions": [{"any": True}], "principals": [known]}
    rules = {"action": "ALLOW", "policies": {"known": policy}}
    return build_extension(RBAC, "filters.http.rbac.v3.RBAC", rules=rules)


def body() -> Json:
    """Take the body whole before anything goes on, so that what goes on has one length."""
    kind = "filters.http.buffer.v3.Buffer"
    return build_extension("envoy.filters.http.buffer", kind, max_request_bytes=MAX_BODY)


def _set(name: str, value: str) -> Json:
    header = {"key": name, "value": value}
    return {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
