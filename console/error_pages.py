"""Errors that no page of the console answers itself: a wrong method, and a fault of ours."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from api.http.problem_details import Problem
from console.security import csrf
from console.session_route import problem_page

Handler = Callable[[Request, Any], Response | Awaitable[Response]]
FAULT = "an unexpected error of the console, or of the API; its log has the request {request_id}"


def install_error_pages(app: FastAPI) -> None:
    """Have people who look for a page get one; all others are answered as before."""
    for kind in (HTTPException, Exception):
        app.add_exception_handler(kind, _for_people(app.exception_handlers[kind]))


def _for_people(otherwise: Handler) -> Handler:
    """A page for who asks for one below the console, and what `otherwise` answers for others."""

    async def answer(request: Request, error: Exception) -> Response:
        below = request.url.path.startswith(f"{csrf.PATH}/") or request.url.path == csrf.PATH
        if not below or "text/html" not in request.headers.get("accept", ""):
            answered = otherwise(request, error)
            return answered if isinstance(answered, Response) else await answered
        return problem_page(request, _problem_of(request, error))

    return answer


def _problem_of(request: Request, error: Exception) -> Problem:
    if isinstance(error, HTTPException):
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        return Problem(error.status_code, code, str(error.detail), headers=error.headers)
    detail = FAULT.format(request_id=request.scope.get("request_id"))
    return Problem(500, "internal_error", detail)
