"""Signing in with an operator's token, and out again."""

from fastapi import APIRouter, Request, Response
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse

from api.access import Need, admitted
from api.console import security
from api.console.guard import ConsoleRoute, Form, SignedIn
from api.console.rendering import page
from api.problems import Problem

router = APIRouter(prefix=security.PATH, route_class=ConsoleRoute)
WRONG = {401: "This token does not hold: {}.", 403: "This token is good, but not an operator's."}


@router.get("/sign-in")
async def ask(request: Request) -> Response:
    """The form."""
    target = security.safe_target(request.query_params.get("next", ""))
    return page(request, "sign_in.html", target=target, wrong=None)


@router.post("/sign-in")
async def sign_in(request: Request, form: Form) -> Response:
    """Take the token, if it is an operator's that holds; else the form again, and why."""
    token, target = form.get("token", ""), security.safe_target(form.get("next", ""))
    try:
        headers = Headers({"Authorization": f"Bearer {token.removeprefix('Bearer ')}"})
        caller = await admitted(headers, request.scope, Need.OPERATOR)
    except Problem as problem:
        wrong = WRONG[problem.status].format(problem.detail)
        return page(request, "sign_in.html", status=problem.status, target=target, wrong=wrong)
    answer = RedirectResponse(target, 303, security.HEADERS)
    security.remember(request, answer, token.removeprefix("Bearer "), caller.until)
    return answer


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """Have the browser forget the token."""
    answer = RedirectResponse(f"{security.PATH}/sign-in", 303, security.HEADERS)
    security.forget(request, answer)
    return answer


@router.get("/session")
async def session(me: SignedIn) -> Response:
    """204 while signed in: a page asks it when its stream does not come back."""
    return Response(status_code=204, headers=security.HEADERS)
