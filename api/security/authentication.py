"""Who calls: from the request's bearer token (RFC 6750) to a caller, or a refusal.

What a route asks of its callers is declared in `authorization`. Neither looks at a body, so that no
Idempotency-Key is spent on a refusal; what bounds every request comes before, see `request_limits`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import Headers

from api.http.problem_details import Problem
from infrastructure.security.access_tokens import TokenMissing, TokenRefused, Verifier, bearer_token


class Scope(StrEnum):
    """What a token lets its bearer do; scopes of other systems in it are left alone."""

    CUSTOMER = "customer"  # sees and does what is its own; the token's subject is the customer's id
    SERVICE = "service"  # a machine of ours: acts for any customer
    OPERATOR = "operator"  # everything


@dataclass(frozen=True)
class Caller:
    """Who calls, as what, and until when that is proven (seconds since 1970)."""

    subject: str
    scopes: frozenset[Scope]
    until: float

    @property
    def customer(self) -> str | None:
        """The only customer whose things it may see; None if it may see everybody's."""
        return None if self.scopes & {Scope.SERVICE, Scope.OPERATOR} else self.subject

    def may_see(self, customer_id: str) -> bool:
        """Whether what belongs to this customer is there for the caller."""
        return self.customer in {None, customer_id}


def caller(request: Request) -> Caller:
    """The dependency of routes that care who calls; `AuthorizedRoute` has put it there."""
    found = request.scope["caller"]
    assert isinstance(found, Caller)  # noqa: S101 - the promise of `AuthorizedRoute`
    return found


Me = Annotated[Caller, Depends(caller)]


async def authenticate(headers: Headers, verifier: Verifier) -> Caller:
    """Who sent these headers. Problem 401 without a token that holds."""
    try:
        claims = await verifier.verify(bearer_token(headers.getlist("authorization")))
    except TokenMissing as error:
        detail = f"{error}; docs/authentication.md says how to get one"
        raise Problem(401, "token_missing", detail, headers=_challenge()) from None
    except TokenRefused as error:
        raise invalid_token(str(error)) from None
    known = frozenset(Scope(scope) for scope in claims.scopes if scope in set(Scope))
    return Caller(claims.subject, known, claims.good_until)


def invalid_token(detail: str) -> Problem:
    """401: a token was sent, and it does not hold."""
    headers = _challenge(error="invalid_token", error_description=detail)
    return Problem(401, "invalid_token", detail, headers=headers)


def insufficient_scope(detail: str, needed: frozenset[Scope]) -> Problem:
    """403: it is known who calls, and that they may not; any one of the scopes would do."""
    headers = _challenge(error="insufficient_scope", scope=" ".join(sorted(needed)))
    return Problem(403, "insufficient_scope", detail, headers=headers)


def _challenge(**parameters: str) -> Mapping[str, str]:
    told = {"realm": "order-saga", **parameters}
    quoted = ", ".join(f'{name}="{value}"' for name, value in told.items())
    return {"WWW-Authenticate": f"Bearer {quoted}"}
