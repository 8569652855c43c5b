"""Errors as problem documents (RFC 9457), made here and nowhere else.

    {"type", "title", "status", "detail", "code", "request_id", "errors"?: [{"pointer", "detail"}]}

`code` is stable and for programs. `errors` names each faulty field by JSON pointer, or by
`parameter` where it is not in the body.
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from starlette.types import Scope

from api.http.problem_codes import CODES, OF_FRAMEWORK, FieldCode, field_code_of
from contracts.base import MAX_NAME, storable, unfit
from contracts.opaque import invalid_token
from saga.participant import NotFound, ServiceError, Unavailable

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 1  # seconds; what is down here is restarted in about that
# Tokens that are handed out to be given back as they are: a wrong one is 400 whatever its form.
OPAQUE = {"cursor", "last-event-id"}
STATUS_OF_CODE = {"invalid_cursor": 400, "evidence_missing": 422, "unfit_text": 422}


class Problem(Exception):
    """An answer that is an error. `errors` are (pointer, detail) pairs into the body."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers


def validation_problem(errors: Sequence[Mapping[str, str]]) -> Problem:
    """422: the body is JSON, but not what is asked for."""
    return Problem(422, "validation_failed", "some fields are not valid; see errors", errors=errors)


def overload_problem(detail: str, wait: int = RETRY_AFTER) -> Problem:
    """503: there is more to do than is worth beginning; `wait` seconds before asking again."""
    return Problem(503, "overloaded", detail, headers={"Retry-After": str(wait)})


def demand_fit(what: str, text: str, most: int) -> None:
    """Problem 422 `unfit_text` unless this text can be kept."""
    if (why := unfit(text, most)) is not None:
        raise Problem(422, "unfit_text", f"{what} {why}")


def field_error(pointer: str, code: FieldCode, detail: str) -> dict[str, str]:
    """One faulty field, by JSON pointer into the body."""
    return {"pointer": pointer, "code": code, "detail": detail}


def install(app: FastAPI) -> None:
    """Have every error of the app answered by a problem document."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_bug)


def document(problem: Problem, request_id: str | None) -> dict[str, Any]:
    """The problem as JSON."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": request_id,
    }
    return body | {"errors": list(problem.errors)} if problem.errors else body


def answer(scope: Scope, problem: Problem) -> JSONResponse:
    """The answer to this request."""
    body = document(problem, scope.get("request_id"))
    return JSONResponse(body, problem.status, problem.headers, media_type=MEDIA_TYPE)


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this type
    return answer(request.scope, error)


async def _on_service_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)  # noqa: S101 - registered for this type
    if isinstance(error, Unavailable):  # the caller is told no more than that
        told = request.scope.get("request_id")
        log.warning("%s %s: 503 (request %s): %s", request.method, request.url.path, told, error)
    return answer(request.scope, of_service_error(error))


def of_service_error(error: ServiceError) -> Problem:
    """What a service's answer means to a caller of the API.

    Its code is one that callers were told of; anything else is a step's, and here a bug of ours.
    """
    if error.code not in CODES:
        log.error("a service refuses by %s, which no route tells: %s", error.code, error.detail)
        return _name_bug()
    if isinstance(error, Unavailable):
        wait = str(round(error.retry_after or RETRY_AFTER) or RETRY_AFTER)
        detail = "a part that this needs is not available; try again with the same request"
        return Problem(503, error.code, detail, headers={"Retry-After": wait})
    if isinstance(error, NotFound):
        return Problem(404, error.code, error.detail)
    return Problem(STATUS_OF_CODE.get(error.code, 409), error.code, error.detail)


async def _on_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type
    faults = error.errors()
    if {str(fault["loc"][-1]).lower() for fault in faults} <= OPAQUE:
        return answer(request.scope, of_service_error(invalid_token()))
    return answer(request.scope, validation_problem([_fault(fault) for fault in faults]))


def _fault(fault: Mapping[str, Any]) -> dict[str, str]:
    where, *path = fault["loc"]
    told = {"code": field_code_of(fault["type"]), "detail": fault["msg"]}
    if where == "body":
        return {"pointer": "".join(f"/{_escape(part)}" for part in path)} | told
    return {"parameter": ".".join(str(part) for part in path), "in": str(where)} | told


def _escape(part: object) -> str:
    """A part of a JSON pointer; the name of an unknown field may be any text."""
    return storable(str(part), MAX_NAME).replace("~", "~0").replace("/", "~1")


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    code = OF_FRAMEWORK.get(error.status_code, "refused")
    problem = Problem(error.status_code, code, str(error.detail), headers=error.headers)
    if error.status_code == 405:
        problem.headers = {"Allow": ", ".join(sorted(_methods(request)))}
    return answer(request.scope, problem)


def _methods(request: Request) -> set[str]:
    """The methods of this path: the framework names only those of the first route that has it."""
    return {
        method
        for route in iter_route_contexts(request.app.routes)
        if route.path is not None and compile_path(route.path)[0].match(request.url.path)
        for method in route.methods or ()
    }


async def _on_bug(request: Request, error: Exception) -> JSONResponse:
    return answer(request.scope, _name_bug())


def _name_bug() -> Problem:
    return Problem(500, "internal_error", "an unexpected error; tell the operator the request_id")
