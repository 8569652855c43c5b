"""What an operation answers, how it is delivered, and Stripe's list shape."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sandbox.errors import Fault
from sandbox.params import Params
from sandbox.payment_methods import Behaviour


class Answer(NamedTuple):
    """Status and JSON body. `delivery` spoils the first delivery, never a replayed one.

    `kept`: under the request's idempotency key, to be replayed.
    """

    status: int
    body: dict[str, Any]
    delivery: Behaviour = Behaviour()
    headers: Mapping[str, str] | None = None
    kept: bool = True


class Page(NamedTuple):
    """Which part of a list is asked for: newest first, after the last id of the page before."""

    limit: int
    after: str | None

    @classmethod
    def of(cls, params: Params) -> "Page":
        """Read `limit` and `starting_after`."""
        limit = params.integer("limit", 10)
        if not 1 <= limit <= 100:
            raise Fault.invalid("limit", "The limit must be between 1 and 100.")
        return cls(limit, params.text("starting_after"))

    def shape(self, url: str, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Stripe's list object; `found` holds one object more than the page, if there is one."""
        more = len(found) > self.limit
        data = found[: self.limit]
        return {"object": "list", "url": url, "has_more": more, "data": data}
