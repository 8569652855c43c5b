"""A service as a web application: an operation a route, made of the service's Protocol.

    POST /v1/<service>/<operation>   the arguments as a JSON object; the result, or a problem
    GET  /health/live, /health/ready
    GET  /openapi.json

Whoever calls an operation shows a token for this very service. This is for parts of the system;
people and other systems speak to the API, which has stricter rules for its callers.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from infrastructure.http.graceful_shutdown import DRAINING, is_draining
from infrastructure.http.health_endpoints import LIVE, METRICS, READY, live, metrics
from infrastructure.rpc.errors import MEDIA_TYPE, problem_of
from infrastructure.rpc.operations import Operation, operations, path_of
from infrastructure.rpc.tokens import SCOPE
from infrastructure.security.access_tokens import TokenMissing, TokenRefused, Verifier, bearer_token
from infrastructure.telemetry.web import telemetry
from saga.participant import ServiceError, Unavailable

MAX_BODY = 256 * 1024  # bytes; the largest order the API takes is a quarter of that
OPEN_TO_ALL = ("/health/", "/metrics", "/openapi.json")
FAULTS = {
    401: "No token, or one that is not for this service",
    404: "There is no such thing",
    409: "Somebody else was faster",
    413: "The body is too large",
    422: "Rejected for good, or not what the operation takes",
    503: "Try again later",
}
Ready = Callable[[], Awaitable[None]]


def create_app(
    service: str, protocol: type, implementation: Any, verifier: Verifier, ready: Ready
) -> FastAPI:
    """The application of one service. `ready` raises Unavailable while it cannot work."""
    app = FastAPI(
        title=f"{service} service",
        version="1",
        lifespan=_lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        max_body_size=MAX_BODY,
        telemetry=telemetry(),
    )
    for method, operation in operations(protocol).items():
        _add(app, service, operation, getattr(implementation, method))
    _add_health(app, ready)
    app.get(METRICS, include_in_schema=False)(metrics)
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_middleware(_Guard, verifier=verifier)
    return app


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[dict[str, asyncio.Event]]:
    yield {DRAINING: asyncio.Event()}


def _add(app: FastAPI, service: str, operation: Operation, method: Callable[..., Any]) -> None:
    async def endpoint(arguments: Any) -> Any:
        given = {name: getattr(arguments, name) for name in operation.arguments.model_fields}
        return await method(**given)

    endpoint.__annotations__ = {"arguments": operation.arguments, "return": operation.result}
    app.add_api_route(
        path_of(service, operation.name),
        endpoint,
        methods=["POST"],
        name=operation.name,
        operation_id=operation.name,
        description=operation.description,
        responses={status: {"description": text} for status, text in FAULTS.items()},
    )


def _add_health(app: FastAPI, ready: Ready) -> None:
    app.get(LIVE)(live)

    @app.get(READY, responses={503: {"description": FAULTS[503]}})
    async def is_ready(request: Request) -> dict[str, str]:
        """What the service needs answers, and it is not being stopped."""
        if is_draining(request.scope):
            raise Unavailable("it is being stopped")
        await ready()
        return {"status": "ready"}


class _Guard:
    """Lets pass who has a token for this service, before a body is read. Pure ASGI."""

    def __init__(self, app: ASGIApp, verifier: Verifier) -> None:
        self._app = app
        self._verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and not scope["path"].startswith(OPEN_TO_ALL):
            refusal = await self._judge(Headers(scope=scope).getlist("authorization"))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _judge(self, given: list[str]) -> JSONResponse | None:
        try:
            claims = await self._verifier.verify(bearer_token(given))
        except TokenMissing as error:
            return _make_problem(401, "token_missing", str(error))
        except TokenRefused as error:
            return _make_problem(401, "invalid_token", str(error))
        except Unavailable as error:
            return _make_answer(error)
        if SCOPE not in claims.scopes:
            return _make_problem(403, "insufficient_scope", f"the token's scope is not {SCOPE}")
        return None


def _make_answer(error: ServiceError) -> JSONResponse:
    status, document = problem_of(error)
    headers = {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(max(1, round(error.retry_after or 1)))
    return JSONResponse(document, status, headers, media_type=MEDIA_TYPE)


def _make_problem(status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    """A problem that is not the service's word, but of how it was called."""
    document = {"type": "about:blank", "status": status, "code": code, "detail": detail, **more}
    headers = {"WWW-Authenticate": 'Bearer realm="order-saga"'} if status in {401, 403} else {}
    return JSONResponse(document, status, headers, media_type=MEDIA_TYPE)


async def _on_service_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)  # noqa: S101 - registered for this type
    return _make_answer(error)


async def _on_invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type
    faults = [{"at": list(fault["loc"]), "detail": fault["msg"]} for fault in error.errors()]
    detail = "the arguments are not what the operation takes"
    return _make_problem(422, "validation_failed", detail, errors=faults)


async def _on_http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    return _make_problem(error.status_code, f"http_{error.status_code}", str(error.detail))
