"""How uvicorn runs the provider, and the one thing that ASGI cannot do: cut a connection."""

import asyncio

import uvicorn
from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

TRANSPORT = "sandbox.transport"


class Cut(Response):
    """No answer at all: the client sees its connection reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort, then wait until the server has noticed, so that it answers nothing either."""
        transport: asyncio.Transport = scope[TRANSPORT]
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class Protocol(H11Protocol):
    """Shows the application its connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wrap the application of this connection."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn narrows it too
        self.app = _showing(transport, self.app)


def _showing(transport: asyncio.BaseTransport, app: ASGIApp) -> ASGIApp:
    async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
        scope[TRANSPORT] = transport
        await app(scope, receive, send)

    return with_transport


def config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """Keeps idle connections longer than clients do, so that none meets a closing one."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Protocol,
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=3,
    )
