"""Which scope each route requires of its callers: all of it in the table ROUTE_SCOPES.

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


class RequiredScope(Enum):
    """The scope that a caller must have. They include each other: operator, service, customer."""

    NOTHING = None
    TOKEN = frozenset[Scope]()
    CUSTOMER = frozenset(Scope)
    SERVICE = frozenset({Scope.SERVICE, Scope.OPERATOR})
    OPERATOR = frozenset({Scope.OPERATOR})


ROUTE_SCOPES = {
    # customers: for what is their own
    "POST /v1/orders": RequiredScope.CUSTOMER,
    "GET /v1/orders": RequiredScope.CUSTOMER,
    "GET /v1/orders/{order_id}": RequiredScope.CUSTOMER,
    "POST /v1/orders/{order_id}/cancel": RequiredScope.CUSTOMER,
    "POST /v1/orders/{order_id}/return": RequiredScope.CUSTOMER,
    "GET /v1/orders/{order_id}/return": RequiredScope.CUSTOMER,
    "GET /v1/orders/{order_id}/events": RequiredScope.CUSTOMER,
    "GET /v1/orders/{order_id}/saga": RequiredScope.CUSTOMER,
    "GET /v1/payments/{order_id}": RequiredScope.CUSTOMER,
    "GET /v1/users/{user_id}": RequiredScope.CUSTOMER,
    "POST /v1/webhooks": RequiredScope.CUSTOMER,
    "GET /v1/webhooks": RequiredScope.CUSTOMER,
    "GET /v1/webhooks/{webhook_id}": RequiredScope.CUSTOMER,
    "DELETE /v1/webhooks/{webhook_id}": RequiredScope.CUSTOMER,
    "POST /v1/webhooks/{webhook_id}/secret": RequiredScope.CUSTOMER,
    "POST /v1/webhooks/{webhook_id}/enable": RequiredScope.CUSTOMER,
    "GET /v1/webhooks/{webhook_id}/deliveries": RequiredScope.CUSTOMER,
    "POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": RequiredScope.CUSTOMER,
    # the catalogue: whoever can say who they are
    "GET /v1/products": RequiredScope.TOKEN,
    "GET /v1/products/{sku}": RequiredScope.TOKEN,
    # machines of ours
    "POST /v1/users": RequiredScope.SERVICE,
    # people who run it
    "GET /v1/users": RequiredScope.OPERATOR,
    "POST /v1/users/{user_id}/deactivate": RequiredScope.OPERATOR,
    "POST /v1/users/{user_id}/erase": RequiredScope.OPERATOR,
    "POST /v1/products": RequiredScope.OPERATOR,
    "POST /v1/products/{sku}/stock": RequiredScope.OPERATOR,
    "GET /v1/events": RequiredScope.OPERATOR,
    "GET /v1/exposure": RequiredScope.OPERATOR,
    "GET /v1/orders/{order_id}/story": RequiredScope.OPERATOR,
    "POST /v1/orders/{order_id}/settle": RequiredScope.OPERATOR,
    "GET /v1/sagas": RequiredScope.OPERATOR,
    "GET /v1/sagas/{saga_id}": RequiredScope.OPERATOR,
    "GET /v1/sagas/{saga_id}/records": RequiredScope.OPERATOR,
    "POST /v1/sagas/{saga_id}/steps/{step}/resolve": RequiredScope.OPERATOR,
    # the console: operators too, signed in by a cookie instead of a header
    "POST /console/sign-in/links": RequiredScope.OPERATOR,  # by the header: for `saga console`
    **{
        f"{method} /console{path}": RequiredScope.OPERATOR
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
            ("GET", "/orders/{order_id}/settle"),
            ("POST", "/orders/{order_id}/settle"),
            ("POST", "/demo-orders"),
            ("POST", "/sign-out"),
            ("GET", "/attention"),
            ("GET", "/attention/live"),
            ("GET", "/sagas/{saga_id}/steps/{step}/resolve"),
            ("POST", "/sagas/{saga_id}/steps/{step}/resolve"),
            ("GET", "/stock"),
            ("GET", "/stock/live"),
            ("GET", "/customers"),
            ("GET", "/customers/{user_id}"),
            ("GET", "/events"),
            ("GET", "/events/live"),
            ("GET", "/webhooks"),
            ("GET", "/webhooks/{webhook_id}"),
            ("GET", "/services"),
            ("GET", "/services/live"),
            ("GET", "/reports"),
            ("GET", "/reports/{folder}/{name}"),
            ("GET", "/{path:path}"),  # no page
        )
    },
    # everybody
    "GET /": RequiredScope.NOTHING,  # leads browsers to the console
    "GET /console/sign-in": RequiredScope.NOTHING,
    "POST /console/sign-in": RequiredScope.NOTHING,
    "POST /console/sign-in/link": RequiredScope.NOTHING,
    "MOUNT /console/assets": RequiredScope.NOTHING,
    "GET /health/live": RequiredScope.NOTHING,
    "GET /health/ready": RequiredScope.NOTHING,
    "GET /metrics": RequiredScope.NOTHING,
    "GET /openapi.json": RequiredScope.NOTHING,
    "GET /docs": RequiredScope.NOTHING,
    "MOUNT /docs/assets": RequiredScope.NOTHING,
}

BEARER = HTTPBearer(bearerFormat="JWT", description="See docs/authentication.md", auto_error=False)


class UndeclaredRoute(Exception):
    """A route is not declared: add it to ROUTE_SCOPES in api/security/authorization.py."""


class AuthorizedRoute(APIRoute):
    """A route that asks for what ROUTE_SCOPES says, before it looks at the body's fields."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        methods = options.get("methods") or ("GET",)
        required = {required_scope_of(method, path) for method in methods}
        if len(required) > 1:
            raise UndeclaredRoute(f"{path}: methods with different scopes are different routes")
        self.required_scope = required.pop()
        if self.required_scope is not RequiredScope.NOTHING:
            options["dependencies"] = [*(options.get("dependencies") or ()), Security(BEARER)]
            options["responses"] = errors(401, 403) | (options.get("responses") or {})
        super().__init__(path, endpoint, **options)

    async def handle(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Authorize the caller and answer. Problem 401 or 403."""
        wrong_method = scope["method"] not in (self.methods or ())
        if self.required_scope is not RequiredScope.NOTHING and not wrong_method:
            await self.authorize_caller(scope)
        await super().handle(scope, receive, send)

    async def authorize_caller(self, scope: Connection) -> None:
        """Put the caller into the scope. Problem 401 or 403."""
        scope["caller"] = await authorize(Headers(scope=scope), scope, self.required_scope)


async def authorize(headers: Headers, scope: Connection, required_scope: RequiredScope) -> Caller:
    """Authenticate who sent these headers, and check their scopes. Problem 401 or 403."""
    caller = await authenticate(headers, scope["app"].state.backend.verifier)
    wanted = required_scope.value or frozenset()
    if wanted and not wanted & caller.scopes:
        detail = f"this needs a token with the scope {' or '.join(sorted(wanted))}"
        raise insufficient_scope(detail, wanted)
    return caller


def required_scope_of(method: str, path: str) -> RequiredScope:
    """The scope that ROUTE_SCOPES says of a route. UndeclaredRoute if it says nothing."""
    try:
        return ROUTE_SCOPES[f"{method} {path}"]
    except KeyError:
        raise UndeclaredRoute(
            f"{method} {path}: say in api/security/authorization.py which scope it needs"
        ) from None


def routes_of(app: FastAPI) -> list[tuple[str, str, RequiredScope]]:
    """Every route of the app: method (or what it is instead), path, and what it really asks for."""
    found = []
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        scope = RequiredScope.NOTHING
        if isinstance(route, AuthorizedRoute):
            scope = route.required_scope
        methods = (context.methods or {type(route).__name__.upper()}) - {"HEAD"}
        found += [(method, context.path or "", scope) for method in sorted(methods)]
    return found


def check(app: FastAPI) -> None:
    """UndeclaredRoute if a route of the app is not declared, or asks for something else."""
    for method, path, scope in routes_of(app):
        if scope is not required_scope_of(method, path):
            raise UndeclaredRoute(
                f"{method} {path}: make its router with route_class=AuthorizedRoute"
            )
