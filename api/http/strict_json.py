"""JSON as RFC 8259 would like it, where parsers differ: what is ambiguous is refused.

Two parsers that read one order differently are a way to pay for one thing and get another.
"""

import json
from typing import Any, NoReturn

from api.http.limits import MAX_DEPTH
from api.http.problem_details import Problem


def check(body: bytes) -> None:
    """Problem 400 unless the body is one JSON value that everybody reads alike.

    `invalid_json`, `duplicate_key` or `nested_too_deeply`.
    """
    try:
        value = json.loads(body, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # a syntax error, bytes that are no UTF-8, a number of 5000 digits
        raise Problem(400, "invalid_json", f"the body is not valid JSON: {error}") from error
    level, depth = [value], 0
    while any(isinstance(node, (dict, list)) for node in level):
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep()
        level = [child for node in level for child in _children(node)]


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Problem(400, "duplicate_key", f"the field {name[:100]!r} is there twice")
        found[name] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_deep() -> Problem:
    detail = f"objects and lists may be nested {MAX_DEPTH} deep"
    return Problem(400, "nested_too_deeply", detail)
