"""The FastAPI application: routes, errors, request ids."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from fastapi import FastAPI

from api.dependencies import Backend
from api.http import openapi, problem_details
from api.http.h11_protocol import LEAVING
from api.http.request_id import RequestIdMiddleware
from api.http.request_limits import RequestLimitsMiddleware
from api.routes import (
    api_docs,
    catalogue,
    events,
    health,
    metrics,
    order_saga,
    orders,
    returns,
    sagas,
    webhooks,
)
from api.security import authorization
from infrastructure.http.graceful_shutdown import DRAINING
from infrastructure.telemetry.web import telemetry

Opening = Callable[[], AbstractAsyncContextManager[Backend]]
Install = Callable[[FastAPI], None]  # puts more routes into the app


def create_app(open_backend: Opening, *installs: Install) -> FastAPI:
    """The app; its backend is opened when it starts and closed when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with (
            open_backend() as opened,
            opened.broadcaster.running(),
            opened.load_shedder.running(),
            opened.trouble_watch.running() if opened.trouble_watch else nullcontext(),
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
    problem_details.install(app)
    for router in (
        orders.router,
        events.router,
        order_saga.router,
        returns.router,
        sagas.router,
        sagas.figures,
        catalogue.router,
        webhooks.router,
        health.router,
        metrics.router,
    ):
        app.include_router(router)
    for install in installs:
        install(app)
    api_docs.install(app)
    openapi.install(app)
    app.add_middleware(RequestLimitsMiddleware)
    app.add_middleware(RequestIdMiddleware)  # the outermost
    authorization.check(app)
    return app
