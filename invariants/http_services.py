"""The services behind their HTTP interface: routes, tokens, errors and deadlines, but no sockets.

Their breakers never open: these go by real time, and the sagas under test by a time that skips.
"""

from contextlib import AsyncExitStack
from typing import Any

import httpx2
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from contracts.names import SERVICES
from infrastructure.http.circuit_breaker import Breaker, Limits
from infrastructure.rpc.client import ServiceClient, remote
from infrastructure.rpc.server import create_app
from infrastructure.rpc.tokens import Bearer, audience_of
from infrastructure.security.access_tokens import Issuer, Verifier
from infrastructure.security.signing_keys import SigningKey
from services.composition import DEADLINES, PROTOCOLS, Services

NEVER = Limits(threshold=10**9)


class _OneKey:
    """The only key there is."""

    def __init__(self, key: EllipticCurvePublicKey) -> None:
        self._key = key

    async def find(self, _: str) -> EllipticCurvePublicKey:
        """That one."""
        return self._key


async def over_http(services: Services, stack: AsyncExitStack) -> Services:
    """The same services, called over HTTP; the stack closes what that needs."""
    issuer = Issuer("verifier", SigningKey.generate())

    async def serve_over_http(service: str, inner: Any) -> Any:
        keys = _OneKey(issuer.key.private.public_key())
        judge = Verifier(keys, issuer=issuer.name, audience=audience_of(service))
        app = create_app(service, PROTOCOLS[service], inner, judge, _ready)
        # A bug in a service is a 500 there too, and not an exception in its caller.
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        http = httpx2.AsyncClient(transport=transport, base_url=f"http://{service}.test")
        await stack.enter_async_context(http)
        client = ServiceClient(
            service,
            http,
            Bearer(issuer, service, "verifier"),
            Breaker(service, NEVER),
            deadline=DEADLINES[service],
        )
        return remote(PROTOCOLS[service], client)

    called = {
        owner.value: await serve_over_http(name, getattr(services, owner))
        for name, owner in SERVICES.items()
    }
    return Services(**called, probes={})


async def _ready() -> None:
    """Nobody asks."""
