"""Puts the console into the app: its pages, and the files that they load."""

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.console import (
    attention,
    live_orders,
    machinery,
    one_order,
    reports,
    resolving,
    security,
    sign_in,
)
from api.console.rendering import HERE

PAGES = (
    sign_in.router,
    live_orders.router,
    one_order.router,
    attention.router,
    resolving.router,
    machinery.router,
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
    app.mount(f"{security.PATH}/assets", Assets(directory=HERE / "static"), name="console_assets")
