"""The request header `Accept` (RFC 9110, section 12.5.1): which answers would do."""

import re
from collections.abc import Iterator, Mapping

from starlette.datastructures import Headers

RANGE = re.compile(r"\s*([\w!#$&^.+*-]+/[\w!#$&^.+*-]+)\s*((?:;[^,]*)?)")
QUALITY = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)", re.IGNORECASE)


def accepts(headers: Headers, offered: str) -> bool:
    """Whether the client takes this media type: the most specific range that names it decides.

    No header, or one without a well-formed range, takes everything.
    """
    ranges = _of(headers)
    return not ranges or _quality(ranges, offered) > 0


def prefers(headers: Headers, offered: str, usual: str) -> bool:
    """Whether the client names this media type itself, and does not like the usual one better."""
    ranges = _of(headers)
    return ranges.get(offered, 0.0) > 0 and ranges[offered] >= _quality(ranges, usual)


def _of(headers: Headers) -> dict[str, float]:
    return dict(_ranges(",".join(headers.getlist("accept"))))


def _quality(ranges: Mapping[str, float], offered: str) -> float:
    wider = (offered, f"{offered.partition('/')[0]}/*", "*/*")
    return next((ranges[scope] for scope in wider if scope in ranges), 0.0)


def _ranges(header: str) -> Iterator[tuple[str, float]]:
    for part in header.split(","):
        if found := RANGE.fullmatch(part):
            quality = QUALITY.search(found[2])
            yield found[1].lower(), float(quality[1]) if quality else 1.0
