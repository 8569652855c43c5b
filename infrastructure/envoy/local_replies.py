"""What the gateway itself answers: problem documents (RFC 9457), in the words of the API.

{"type", "title", "status", "detail", "code", "request_id"}
"""

from http import HTTPStatus

from infrastructure.envoy.builders import Json

MEDIA_TYPE = "application/problem+json"
REQUEST_ID = "%REQ(X-REQUEST-ID)%"
# What could not be read as a request has no id; its connection has a number, which is in the log.
CONNECTION_ID = "connection-%CONNECTION_ID%"
CHALLENGE = 'Bearer realm="order-saga"'


def config() -> Json:
    """The `local_reply_config`: the first mapper that fits has its say."""
    bearer = {"safe_regex": {"regex": "(?i)bearer .+"}}
    token = {"header_filter": {"header": {"name": "authorization", "string_match": bearer}}}
    denied, limited = _status(403), _status(429)
    unread = {
        "header_filter": {
            "header": {"name": "x-request-id", "invert_match": True, "present_match": True}
        }
    }
    invalid = f'{CHALLENGE}, error="invalid_token"'
    missing = "send a token: Authorization: Bearer …; docs/authentication.md says how to get one"
    failure = "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:jwt_failure:message)%"
    return {
        "mappers": [
            _mapper(_both(denied, token), 401, "invalid_token", failure, challenge=invalid),
            _mapper(denied, 401, "token_missing", missing, challenge=CHALLENGE),
            _mapper(limited, 429, "rate_limited", "too many requests; Retry-After says how long"),
            _mapper(_flags("NR"), 404, "not_found", "Not Found"),
            _mapper(_status(404), 404, "not_found", "Not Found"),
            _mapper(_flags("UT"), 504, "gateway_timeout", _UNKNOWN, retry=1),
            _mapper(_flags("UF", "UH", "UO"), 503, "unavailable", _DOWN, retry=1),
            _mapper(_flags("UC", "UR", "LR"), 503, "unavailable", _UNKNOWN, retry=1),
            _mapper(_status(413), 413, "content_too_large", "the body is too large"),
            _mapper(_status(431), 431, "headers_too_large", _LARGE, read=False),
            _mapper(_status(408), 408, "request_timeout", "the request did not arrive in time"),
            _mapper(_both(_status(400), unread), 400, "malformed_request", _MALFORMED, read=False),
            _mapper(_status(400), 400, "malformed_request", _MALFORMED),
            _mapper(_status(426), 426, "upgrade_required", _ONLY, read=False),
            _mapper(_status(501), 501, "not_implemented", _CODING, read=False),
        ],
        "body_format": _body("%RESPONSE_CODE%", "Refused", "refused", "%LOCAL_REPLY_BODY%"),
    }


_LARGE = "path and headers are too large, or the headers too many"
_ONLY = "HTTP/1.1 is understood, no other"
_CODING = "Transfer-Encoding: chunked is understood, no other"
_MALFORMED = "this is not HTTP/1.1 as RFC 9112 has it, or could be read in two ways"
_DOWN = "the API does not answer; try again with the same request"
_UNKNOWN = "no answer came, so what became of the request is not known; try again with the same"


def _mapper(
    match: Json,
    status: int,
    code: str,
    detail: str,
    *,
    challenge: str = "",
    retry: int = 0,
    read: bool = True,
) -> Json:
    told = {
        "www-authenticate": challenge,
        "retry-after": str(retry) if retry else "",
        "x-request-id": "" if read else CONNECTION_ID,
    }
    name = REQUEST_ID if read else CONNECTION_ID
    return {
        "filter": match,
        "status_code": status,
        "headers_to_add": [_header(name, value) for name, value in told.items() if value],
        "body_format_override": _body(status, HTTPStatus(status).phrase, code, detail, name),
    }


def _body(
    status: int | str, title: str, code: str, detail: str, request_id: str = REQUEST_ID
) -> Json:
    document = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }
    return {"json_format": document, "content_type": MEDIA_TYPE}


def _header(name: str, value: str) -> Json:
    return {
        "header": {"key": name, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def _status(code: int) -> Json:
    value = {"default_value": code, "runtime_key": f"gateway.status_{code}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _flags(*flags: str) -> Json:
    return {"response_flag_filter": {"flags": list(flags)}}


def _both(*filters: Json) -> Json:
    return {"and_filter": {"filters": list(filters)}}
