"""Signing in with an operator's token, and out again."""

from fastapi import APIRouter, Request, Response
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse

from api.http.problem_details import Problem
from api.security.authorization import RequiredScope, authorize
from console.security import csrf
from console.session_route import ConsoleRoute, Form, SignedIn
from console.templating import page

router = APIRouter(prefix=csrf.PATH, route_class=ConsoleRoute)
WRONG = {401: "This token does not hold: {}.", 403: "This token is good, but not an operator's."}


@router.get("/sign-in")
async def ask(request: Request) -> Response:
    """The form."""
    target = csrf.safe_target(request.query_params.get("next", ""))
    return page(request, "sign_in.html", target=target, wrong=None)


@router.post("/sign-in")
async def sign_in(request: Request, form: Form) -> Response:
    """Take the token, if it is an operator's that holds; else the form again, and why."""
    token, target = form.get("token", ""), csrf.safe_target(form.get("next", ""))
    try:
        headers = Headers({"Authorization": f"Bearer {token.removeprefix('Bearer ')}"})
        caller = await authorize(headers, request.scope, RequiredScope.OPERATOR)
    except Problem as problem:
        wrong = WRONG[problem.status].format(problem.detail)
        return page(request, "sign_in.html", status=problem.status, target=target, wrong=wrong)
    answer = RedirectResponse(target, 303, csrf.HEADERS)
    csrf.remember(request, answer, token.removeprefix("Bearer "), caller.until)
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
