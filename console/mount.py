"""Puts the console into the app: its pages, and the files that they load."""

from fastapi import FastAPI, HTTPException, Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from console.error_pages import install_error_pages
from console.pages import (
    attention,
    customers,
    demo_orders,
    events,
    order,
    orders,
    reports,
    resolve_step,
    services,
    sign_in,
    stock,
    unknown,
    webhooks,
)
from console.security import csrf
from console.templating import HERE

PAGES = (
    sign_in.router,
    sign_in.links_router,
    orders.router,
    order.router,
    demo_orders.router,
    attention.router,
    resolve_step.router,
    stock.router,
    customers.router,
    events.router,
    webhooks.router,
    services.router,
    reports.router,
)


class Assets(StaticFiles):
    """Style and scripts: asked for again each time, and sent when they have changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file."""
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "no-cache"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return answer


async def lead_to_console(request: Request) -> Response:
    """Whoever opens the API's address in a browser is looking for the console; 404 to programs."""
    if "text/html" not in request.headers.get("accept", ""):
        raise HTTPException(404)
    return RedirectResponse(csrf.PATH, 303)


def install(app: FastAPI) -> None:
    """Serve the console at `/console`, to which `/` leads."""
    app.get("/", include_in_schema=False)(lead_to_console)
    for router in PAGES:
        app.include_router(router)
    app.mount(f"{csrf.PATH}/assets", Assets(directory=HERE / "static"), name="console_assets")
    app.include_router(unknown.router)
    install_error_pages(app)
