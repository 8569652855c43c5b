"""Services over HTTP in tests: real sockets, and the tokens that open them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from infrastructure.rpc.tokens import audience_of
from infrastructure.security.access_tokens import Issuer, Verifier
from infrastructure.security.signing_keys import SigningKey
from tests.support.ports import free_port
from tests.support.tokens import FixedKeys
from tests.support.waiting import until

ISSUER = Issuer("services-of-the-tests", SigningKey.generate())


def service_verifier(service: str) -> Verifier:
    """As a service has it that trusts the issuer of the tests."""
    keys = FixedKeys(ISSUER.key)
    return Verifier(keys, issuer=ISSUER.name, audience=audience_of(service))


@asynccontextmanager
async def served_service(app: ASGIApp) -> AsyncIterator[str]:
    """Serve it on a port of this machine; the URL."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, ws="none", log_config=None))
    serving = asyncio.create_task(server.serve())

    async def has_started() -> bool:
        assert not serving.done(), "it ended before it began"
        return server.started

    await until(has_started)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving
