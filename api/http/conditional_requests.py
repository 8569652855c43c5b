"""Entity tags of orders (RFC 9110, section 8.8.3), and requests that are conditional on them.

An order's tag is made of its version, which counts its events: it is strong, and equal tags mean
equal orders. A condition is checked when the request arrives. An order may move on right after
that, and then what is asked for is judged by the saga's own rules.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request

from api.http.problem_details import Problem
from contracts.orders import Order

TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


def etag(order: Order) -> str:
    """The order's tag, with its quotes."""
    return f'"{order.version}"'


@dataclass(frozen=True)
class Tags:
    """The tags of a conditional header; `None` of them if there is no such header."""

    given: str | None

    def contain(self, order: Order, *, weakly: bool) -> bool:
        """Whether the order's tag is among them; a weak one counts only in a weak comparison."""
        if self.given is None:
            return False
        found = TAG.findall(self.given)
        return self.given.strip() == "*" or any(
            f'"{tag}"' == etag(order) and (weakly or not weak) for weak, tag in found
        )


class Unless(Tags):
    """`If-None-Match`."""

    def matches(self, order: Order) -> bool:
        """Whether the caller has the order as it is."""
        return self.contain(order, weakly=True)


class Only(Tags):
    """`If-Match`."""

    def check(self, order: Order) -> None:
        """Problem 412 if the caller saw another version of the order than this."""
        if self.given is not None and not self.contain(order, weakly=False):
            detail = f"the order is at version {order.version} now; read it again, then decide"
            raise Problem(412, "precondition_failed", detail, headers={"ETag": etag(order)})


def _unless(
    request: Request,
    if_none_match: Annotated[
        str | None, Header(alias="If-None-Match", description="ETags of what you have")
    ] = None,
) -> Unless:
    return Unless(_all_of(request, "if-none-match") if if_none_match is not None else None)


def _only(
    request: Request,
    if_match: Annotated[
        str | None, Header(alias="If-Match", description="The ETag of what you saw")
    ] = None,
) -> Only:
    return Only(_all_of(request, "if-match") if if_match is not None else None)


def _all_of(request: Request, name: str) -> str:
    """A list may be spread over several headers of one name."""
    return ", ".join(request.headers.getlist(name))


IfNoneMatch = Annotated[Unless, Depends(_unless)]
IfMatch = Annotated[Only, Depends(_only)]
