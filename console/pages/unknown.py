"""Every other address below `/console`: a page that says so. It comes last of all pages."""

from fastapi import APIRouter, Request, Response

from api.http.problem_details import Problem
from console.security import csrf
from console.session_route import ConsoleRoute, SignedIn, problem_page

router = APIRouter(prefix=csrf.PATH, route_class=ConsoleRoute)


@router.get("/{path:path}")
async def unknown_page(path: str, request: Request, me: SignedIn) -> Response:
    """404, with the way back."""
    nowhere = Problem(404, "not_found", "the console has no page at this address")
    return problem_page(request, nowhere)
