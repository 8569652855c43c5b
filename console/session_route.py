"""Routes of the console: who comes without a session is sent to sign in, and errors are pages."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import Receive, Scope, Send

from api.http.problem_details import Problem, of_service_error
from api.http.request_limits import EVENT_STREAM
from api.security.authentication import Caller
from api.security.authorization import AuthorizedRoute, authorize
from console.dependencies import ConsoleBackend
from console.security import csrf
from console.templating import page
from saga.participant import ServiceError

SIGN_IN = f"{csrf.PATH}/sign-in"
MOST_FIELDS = 20
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True)
class Session:
    """Who is signed in, and what the forms of their pages carry."""

    caller: Caller
    form_key: str


class ConsoleRoute(AuthorizedRoute):
    """A page, or a form's target. ROUTE_SCOPES says whether it is for signed-in operators."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **{**options, "include_in_schema": False})

    async def authorize_caller(self, scope: Scope) -> None:
        """Put the session of the request's cookie into the scope. Problem 401 or 403."""
        request = Request(scope)
        token = request.cookies.get(csrf.cookie_name(request), "")
        bearer = Headers({"Authorization": f"Bearer {token}"})
        caller = await authorize(bearer, scope, self.required_scope)
        scope["caller"], scope["session"] = caller, Session(caller, csrf.form_key(token))

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or send who is not authorized to sign in."""
        try:
            await super().handle(scope, receive, send)
        except Problem as problem:
            await _away(Request(scope), problem)(scope, receive, send)

    def get_route_handler(self) -> Handler:
        """The endpoint, with forms judged before, and errors as pages."""
        endpoint = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                if request.method == "POST":
                    request.state.form = await _form(request)
                await _count_attention(request)
                return await endpoint(request)
            except Problem as problem:
                return problem_page(request, problem)
            except ServiceError as error:
                return problem_page(request, of_service_error(error))
            except RequestValidationError:
                return problem_page(request, Problem(422, "invalid", "this is no such page"))

        return handler


def session(request: Request) -> Session:
    """The dependency of routes that want who is signed in."""
    found = request.scope["session"]
    assert isinstance(found, Session)  # noqa: S101 - the promise of `ConsoleRoute`
    return found


def form(request: Request) -> dict[str, str]:
    """The dependency of routes that take a form: its fields, without blanks around."""
    return dict(request.state.form)


Form = Annotated[dict[str, str], Depends(form)]
SignedIn = Annotated[Session, Depends(session)]


def problem_page(request: Request, problem: Problem) -> Response:
    """An error for people."""
    answer = page(request, "problem.html", status=problem.status, problem=problem)
    for name, value in (problem.headers or {}).items():
        answer.headers[name] = value
    return answer


async def _count_attention(request: Request) -> None:
    """How many sagas need a person, for the navigation of the page that is made now."""
    backend = request.app.state.backend
    is_page = EVENT_STREAM not in request.headers.get("accept", "")
    if is_page and "session" in request.scope and isinstance(backend, ConsoleBackend):
        request.state.attention = await backend.board.count_attention()


async def _form(request: Request) -> dict[str, str]:
    """The fields. Problem 403 if the form is not of this host, or not of this session."""
    if not csrf.is_from_here(request):
        raise Problem(403, "foreign_form", "the form was not sent by a page of this console")
    try:
        text = (await request.body()).decode()
        fields = {name: value.strip() for name, value in _fields(text)}
    except ValueError as error:
        raise Problem(400, "invalid_form", "the form cannot be read") from error
    found = request.scope.get("session")
    if found is not None and not csrf.same(found.form_key, fields.get("form_key", "")):
        detail = "the form is of another session; open the page again"
        raise Problem(403, "foreign_form", detail)
    return fields


def _fields(text: str) -> list[tuple[str, str]]:
    if "\0" in text or "%00" in text:
        raise ValueError("a NUL")
    return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")


def _away(request: Request, problem: Problem) -> Response:
    """A page is left for the sign-in, which leads back; a stream or a form is refused."""
    is_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if problem.status == 401 and is_page:
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{SIGN_IN}?next={quote(back, safe='')}", 303, csrf.HEADERS)
    return problem_page(request, problem)
