"""What each route asks of its callers: all of it in the table NEEDS.

A route that is not in the table cannot be made, and an app with one that goes past it cannot
either. Whose order it is that a customer asks for is judged where the order is read, see `orders`.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

from fastapi import FastAPI, Security
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from api.http.openapi import errors
from api.security.authentication import Caller, Scope, authenticate, insufficient_scope


class Need(Enum):
    """What a caller must hold. The scopes include each other: operator, service, customer."""

    NOTHING = None
    TOKEN = frozenset[Scope]()
    CUSTOMER = frozenset(Scope)
    SERVICE = frozenset({Scope.SERVICE, Scope.OPERATOR})
    OPERATOR = frozenset({Scope.OPERATOR})


NEEDS = {
    # customers: for what is their own
    "POST /v1/orders": Need.CUSTOMER,
    "GET /v1/orders": Need.CUSTOMER,
    "GET /v1/orders/{order_id}": Need.CUSTOMER,
    "POST /v1/orders/{order_id}/cancel": Need.CUSTOMER,
    "POST /v1/orders/{order_id}/return": Need.CUSTOMER,
    "GET /v1/orders/{order_id}/return": Need.CUSTOMER,
    "GET /v1/orders/{order_id}/events": Need.CUSTOMER,
    "GET /v1/orders/{order_id}/saga": Need.CUSTOMER,
    "GET /v1/payments/{order_id}": Need.CUSTOMER,
    "GET /v1/users/{user_id}": Need.CUSTOMER,
    "POST /v1/webhooks": Need.CUSTOMER,
    "GET /v1/webhooks": Need.CUSTOMER,
    "GET /v1/webhooks/{webhook_id}": Need.CUSTOMER,
    "DELETE /v1/webhooks/{webhook_id}": Need.CUSTOMER,
    "POST /v1/webhooks/{webhook_id}/secret": Need.CUSTOMER,
    "POST /v1/webhooks/{webhook_id}/enable": Need.CUSTOMER,
    "GET /v1/webhooks/{webhook_id}/deliveries": Need.CUSTOMER,
    "POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": Need.CUSTOMER,
    # the catalogue: whoever can say who they are
    "GET /v1/products": Need.TOKEN,
    "GET /v1/products/{sku}": Need.TOKEN,
    # machines of ours
    "POST /v1/users": Need.SERVICE,
    # people who run it
    "POST /v1/users/{user_id}/deactivate": Need.OPERATOR,
    "POST /v1/users/{user_id}/erase": Need.OPERATOR,
    "POST /v1/products": Need.OPERATOR,
    "POST /v1/products/{sku}/stock": Need.OPERATOR,
    "GET /v1/events": Need.OPERATOR,
    "GET /v1/exposure": Need.OPERATOR,
    "GET /v1/sagas": Need.OPERATOR,
    "GET /v1/sagas/{saga_id}/records": Need.OPERATOR,
    "POST /v1/sagas/{saga_id}/steps/{step}/resolve": Need.OPERATOR,
    # the console: operators too, signed in by a cookie instead of a header
    **{
        f"{method} /console{path}": Need.OPERATOR
        for method, path in (
            ("GET", ""),
            ("GET", "/live"),
            ("GET", "/session"),
            ("GET", "/orders/{order_id}"),
            ("GET", "/orders/{order_id}/live"),
            ("GET", "/orders/{order_id}/cancel"),
            ("POST", "/orders/{order_id}/cancel"),
            ("GET", "/orders/{order_id}/return"),
            ("POST", "/orders/{order_id}/return"),
            ("POST", "/sign-out"),
            ("GET", "/attention"),
            ("GET", "/attention/live"),
            ("GET", "/sagas/{saga_id}/steps/{step}/resolve"),
            ("POST", "/sagas/{saga_id}/steps/{step}/resolve"),
            ("GET", "/services"),
            ("GET", "/services/live"),
            ("GET", "/reports"),
            ("GET", "/reports/{folder}/{name}"),
        )
    },
    # everybody
    "GET /console/sign-in": Need.NOTHING,
    "POST /console/sign-in": Need.NOTHING,
    "MOUNT /console/assets": Need.NOTHING,
    "GET /health/live": Need.NOTHING,
    "GET /health/ready": Need.NOTHING,
    "GET /metrics": Need.NOTHING,
    "GET /openapi.json": Need.NOTHING,
    "GET /docs": Need.NOTHING,
    "MOUNT /docs/assets": Need.NOTHING,
}

BEARER = HTTPBearer(bearerFormat="JWT", description="See docs/authentication.md", auto_error=False)


class UndeclaredRoute(Exception):
    """A route is not declared. Add a line for it to NEEDS in api/security/authorization.py."""


class Guarded(APIRoute):
    """A route that asks for what NEEDS says, before it looks at the body's fields."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        needs = {need_of(method, path) for method in options.get("methods") or ("GET",)}
        if len(needs) > 1:
            raise UndeclaredRoute(f"{path}: methods with different needs are different routes")
        self.need = needs.pop()
        if self.need is not Need.NOTHING:
            options["dependencies"] = [*(options.get("dependencies") or ()), Security(BEARER)]
            options["responses"] = errors(401, 403) | (options.get("responses") or {})
        super().__init__(path, endpoint, **options)

    async def handle(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Let the caller in, or raise Problem 401 or 403."""
        wrong_method = scope["method"] not in (self.methods or ())
        if self.need is not Need.NOTHING and not wrong_method:
            await self.admit(scope)
        await super().handle(scope, receive, send)

    async def admit(self, scope: Connection) -> None:
        """Put the caller into the scope. Problem 401 or 403."""
        scope["caller"] = await admitted(Headers(scope=scope), scope, self.need)


async def admitted(headers: Headers, scope: Connection, need: Need) -> Caller:
    """Who sent these headers, if that is enough. Problem 401 or 403."""
    caller = await authenticate(headers, scope["app"].state.backend.verifier)
    wanted = need.value or frozenset()
    if wanted and not wanted & caller.scopes:
        detail = f"this needs a token with the scope {' or '.join(sorted(wanted))}"
        raise insufficient_scope(detail, wanted)
    return caller


def need_of(method: str, path: str) -> Need:
    """What NEEDS says of a route. UndeclaredRoute if it says nothing."""
    try:
        return NEEDS[f"{method} {path}"]
    except KeyError:
        raise UndeclaredRoute(
            f"{method} {path}: say in api/security/authorization.py what it needs"
        ) from None


def routes_of(app: FastAPI) -> list[tuple[str, str, Need]]:
    """Every route of the app: method (or what it is instead), path, and what it really asks for."""
    found = []
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        need = route.need if isinstance(route, Guarded) else Need.NOTHING
        methods = (context.methods or {type(route).__name__.upper()}) - {"HEAD"}
        found += [(method, context.path or "", need) for method in sorted(methods)]
    return found


def check(app: FastAPI) -> None:
    """UndeclaredRoute if a route of the app is not declared, or asks for something else."""
    for method, path, need in routes_of(app):
        if need is not need_of(method, path):
            raise UndeclaredRoute(f"{method} {path}: make its router with route_class=Guarded")
