"""The FastAPI application: routes, errors, request ids."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI

from api import (
    access,
    catalogue,
    docs,
    events,
    health,
    metrics,
    openapi,
    operators,
    orders,
    problems,
    returns,
    saga_views,
    webhooks,
)
from api.backend import Backend
from api.console import install as console
from api.intake import Intake
from api.request_id import RequestIds
from api.wire import LEAVING
from infrastructure.draining import DRAINING
from infrastructure.telemetry.web import telemetry

Opening = Callable[[], AbstractAsyncContextManager[Backend]]


def create_app(open_backend: Opening) -> FastAPI:
    """The app; its backend is opened when it starts and closed when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with (
            open_backend() as opened,
            opened.followers.running(),
            opened.admission.running(),
        ):
            app.state.backend = opened
            yield {DRAINING: asyncio.Event(), LEAVING: asyncio.Event()}

    app = FastAPI(
        title="Order saga",
        version="1",
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=openapi.operation_id,
        telemetry=telemetry(),
    )
    problems.install(app)
    for router in (
        orders.router,
        events.router,
        saga_views.router,
        returns.router,
        operators.router,
        operators.figures,
        catalogue.router,
        webhooks.router,
        health.router,
        metrics.router,
    ):
        app.include_router(router)
    console.install(app)
    docs.install(app)
    openapi.install(app)
    app.add_middleware(Intake)
    app.add_middleware(RequestIds)  # the outermost
    access.check(app)
    return app
