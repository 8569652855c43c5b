"""Puts the console into the app: its pages, and the files that they load."""

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from console.pages import attention, order, orders, reports, resolve_step, services, sign_in
from console.security import csrf
from console.templating import HERE

PAGES = (
    sign_in.router,
    orders.router,
    order.router,
    attention.router,
    resolve_step.router,
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


def install(app: FastAPI) -> None:
    """Serve the console at `/console`."""
    for router in PAGES:
        app.include_router(router)
    app.mount(f"{csrf.PATH}/assets", Assets(directory=HERE / "static"), name="console_assets")
