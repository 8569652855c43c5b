"""What a service says instead of a result, as a problem document (RFC 9457) and back.

The problem's `type` tells whose word it is. Only one of ours is a service's own answer; a refused
token, a proxy's 503 or a bug's 500 is not, and means Unavailable: whatever ails there is mended
without us, and the same call can be made again.
"""

import json
from collections.abc import Callable
from typing import Any

from saga.participant import (
    CircuitOpen,
    Compensated,
    Conflict,
    KeyReused,
    Locked,
    NotFound,
    Pending,
    Rejected,
    ServiceError,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"
URN = "urn:order-saga:service-error:"
# The first that fits: a subclass stands before its base.
STATUSES: dict[type[ServiceError], tuple[str, int]] = {
    NotFound: ("not_found", 404),
    Compensated: ("compensated", 422),
    KeyReused: ("key_reused", 422),
    Rejected: ("rejected", 422),
    Pending: ("pending", 422),
    Conflict: ("conflict", 409),
    CircuitOpen: ("circuit_open", 503),
    Locked: ("locked", 503),
    Unavailable: ("unavailable", 503),
}
# Those that have one code, and so are made of their detail alone.
ONE_CODE: dict[str, type[Compensated] | type[KeyReused]] = {
    "compensated": Compensated,
    "key_reused": KeyReused,
}
# Those that are retried, and what is told with them, by their parameters' names.
UNAVAILABLE: dict[str, Callable[..., Unavailable]] = {
    "unavailable": Unavailable,
    "circuit_open": CircuitOpen,
    "locked": Locked,
}
TOLD_WITH = {
    "unavailable": ("retry_after",),
    "circuit_open": ("retry_after",),
    "locked": ("retry_after", "holder"),
}


def problem_of(error: ServiceError) -> tuple[int, dict[str, Any]]:
    """The status and the document for this error."""
    word, status = next(item for kind, item in STATUSES.items() if isinstance(error, kind))
    document: dict[str, Any] = {
        "type": f"{URN}{word}",
        "title": word.replace("_", " "),
        "status": status,
        "detail": error.detail,
        "code": error.code,
    }
    if isinstance(error, Pending):
        document["about"] = error.about
    if isinstance(error, Conflict):
        document |= {"expected": error.expected, "actual": error.actual}
    document |= {name: getattr(error, name) for name in TOLD_WITH.get(word, ())}
    return status, document


def error_of(service: str, status: int, body: bytes) -> ServiceError:
    """The error that an answer other than a success means."""
    try:
        return _read_own_error(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Unavailable(f"{service} answered {status}: {body[:200].decode(errors='replace')}")


def _read_own_error(document: dict[str, Any]) -> ServiceError:
    """The service's own word. KeyError, TypeError or AttributeError if it is not."""
    code, detail = document["code"], document["detail"]
    word = document["type"].removeprefix(URN)
    if word in ONE_CODE:
        return ONE_CODE[word](detail)
    if word in UNAVAILABLE:
        return UNAVAILABLE[word](detail, **{name: document[name] for name in TOLD_WITH[word]})
    match word:
        case "not_found":
            return NotFound(code, detail)
        case "rejected":
            return Rejected(code, detail)
        case "pending":
            return Pending(code, detail, document["about"])
        case "conflict":
            return Conflict(detail, expected=document["expected"], actual=document["actual"])
    raise KeyError(document["type"])
