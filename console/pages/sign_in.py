"""Signing in with an operator's token or a link that stands for one, and out again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse

from api.http.problem_details import Problem
from api.security.authorization import AuthorizedRoute, RequiredScope, authorize
from console.dependencies import ConsoleDeps
from console.security import csrf
from console.session_route import ConsoleRoute, Form, SignedIn
from console.templating import page
from infrastructure.security.access_tokens import bearer_token
from services.event.sign_in_links import LIFETIME, SignInLinks

router = APIRouter(prefix=csrf.PATH, route_class=ConsoleRoute)
# For programs, which have a token and no cookie; not in the document, as all of the console.
links_router = APIRouter(prefix=csrf.PATH, route_class=AuthorizedRoute, include_in_schema=False)
WRONG = {401: "This token does not hold: {}.", 403: "This token is good, but not an operator's."}
SPENT = (
    "This link does not sign in any more: it was used, or is older than a minute. "
    "Run saga console again for a new one, or paste a token."
)
TOO_MANY = "Too many links were wrong within a minute. Wait for one, or paste a token."


class SignInLink(BaseModel):
    """What the link that signs in has behind its `#code=`, and for how many seconds it is good."""

    code: str
    expires_in: int


def sign_in_links(deps: ConsoleDeps) -> SignInLinks:
    """The dependency of routes with links. Problem 503 where the API has no event database."""
    if deps.sign_in_links is None:
        detail = "this API keeps no links, for want of EVENT_DATABASE_URL; sign in by a token"
        raise Problem(503, "unavailable", detail)
    return deps.sign_in_links


Links = Annotated[SignInLinks, Depends(sign_in_links)]


@router.get("/sign-in")
async def ask(request: Request) -> Response:
    """The form."""
    target = csrf.safe_target(request.query_params.get("next", ""))
    return page(request, "sign_in.html", target=target, wrong=None)


@router.post("/sign-in")
async def sign_in(request: Request, form: Form) -> Response:
    """Take the token, if it is an operator's that holds; else the form again, and why."""
    return await _begin_session(request, form.get("token", "").removeprefix("Bearer "), form)


@links_router.post("/sign-in/links", status_code=201)
async def create_link(request: Request, links: Links, response: Response) -> SignInLink:
    """A link for the token that this was called with; it signs in once, within a minute."""
    response.headers["Cache-Control"] = "no-store"
    token = bearer_token(request.headers.getlist("authorization"))
    return SignInLink(code=await links.create(token), expires_in=int(LIFETIME.total_seconds()))


@router.post("/sign-in/link")
async def use_link(request: Request, form: Form, deps: ConsoleDeps, links: Links) -> Response:
    """Take a link's code, which the page has from behind the `#`; else the form, and why."""
    target = csrf.safe_target(form.get("next", ""))
    if (wait := deps.wrong_codes.seconds_to_wait()) > 0:
        refused = page(request, "sign_in.html", status=429, target=target, wrong=TOO_MANY)
        refused.headers["Retry-After"] = str(wait)
        return refused
    token = await links.redeem(form.get("code", ""))
    if token is None:
        deps.wrong_codes.note()
        return page(request, "sign_in.html", status=401, target=target, wrong=SPENT)
    return await _begin_session(request, token, form)


async def _begin_session(request: Request, token: str, form: dict[str, str]) -> Response:
    """The cookie, and on to where the form says; else the sign-in page, and why."""
    target = csrf.safe_target(form.get("next", ""))
    try:
        headers = Headers({"Authorization": f"Bearer {token}"})
        caller = await authorize(headers, request.scope, RequiredScope.OPERATOR)
    except Problem as problem:
        wrong = WRONG[problem.status].format(problem.detail)
        return page(request, "sign_in.html", status=problem.status, target=target, wrong=wrong)
    answer = RedirectResponse(target, 303, csrf.HEADERS)
    csrf.remember(request, answer, token, caller.until)
    return answer


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """Have the browser forget the token."""
    answer = RedirectResponse(f"{csrf.PATH}/sign-in", 303, csrf.HEADERS)
    csrf.forget(request, answer)
    return answer


@router.get("/session")
async def session(me: SignedIn) -> Response:
    """204 while signed in: a page asks it when its stream does not come back."""
    return Response(status_code=204, headers=csrf.HEADERS)
