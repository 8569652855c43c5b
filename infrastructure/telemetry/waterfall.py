"""A trace as rows, parents before children, by the time they began: for drawing and JSON."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from infrastructure.telemetry.span_files import KeptSpan

CALLS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}


class Row(NamedTuple):
    """One span of a drawing; `offset` and `length` are in nanoseconds, from the trace's start."""

    span: KeptSpan
    depth: int
    offset: int
    length: int

    @property
    def label(self) -> str:
        """The span's name; of a call over HTTP, with where it went."""
        url = str(self.span.attributes.get("url.full", self.span.attributes.get("http.url", "")))
        path = "/" + url.partition("://")[2].partition("/")[2].partition("?")[0]
        return f"{self.span.name} {path}" if self.span.name in CALLS and url else self.span.name


def rows(spans: Sequence[KeptSpan]) -> list[Row]:
    """The rows of one trace. A span whose parent was not kept stands at the left."""
    known = {span.span_id for span in spans}
    children: dict[str | None, list[KeptSpan]] = defaultdict(list)
    for span in sorted(spans, key=lambda it: (it.start, it.end)):
        children[span.parent_id if span.parent_id in known else None].append(span)
    begin = min((span.start for span in spans), default=0)
    return list(_below(None, 0, children, begin))


def _below(
    parent: str | None, depth: int, children: dict[str | None, list[KeptSpan]], begin: int
) -> Iterable[Row]:
    for span in children[parent]:
        yield Row(span, depth, span.start - begin, span.end - span.start)
        yield from _below(span.span_id, depth + 1, children, begin)
