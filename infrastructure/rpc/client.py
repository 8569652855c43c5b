"""Calls one service over HTTP, behind its circuit breaker.

An answer is waited for until `deadline`, which is shorter than the time-out of the activity that
asks: so the breaker hears of a service that hangs. There are no retries: those are Temporal's.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
from pydantic import ValidationError

from infrastructure.http.circuit_breaker import Breaker
from infrastructure.postgres.slow_transactions import may_take_long
from infrastructure.rpc.errors import error_of
from infrastructure.rpc.operations import Operation, operations, path_of
from infrastructure.rpc.tokens import Bearer
from saga.participant import Unavailable
from saga.participant.errors import describe_error

# As many as a worker of one queue runs activities, and the API's reads.
CONNECTIONS = httpx2.Limits(max_connections=100, max_keepalive_connections=20)


class ServiceClient:
    """Calls of one service. `http` leads to it by its base URL."""

    def __init__(
        self,
        service: str,
        http: httpx2.AsyncClient,
        bearer: Bearer,
        breaker: Breaker,
        *,
        deadline: float,
    ) -> None:
        self._service = service
        self._http = http
        self._bearer = bearer
        self._breaker = breaker
        self._deadline = deadline

    async def call(self, operation: Operation, content: bytes) -> Any:
        """The operation's result. Raises what the service would raise here; CircuitOpen."""
        may_take_long(f"a call of {self._service}")
        with self._breaker.call():
            answer = await self._ask(path_of(self._service, operation.name), content)
            if answer.status_code != 200:
                raise error_of(self._service, answer.status_code, answer.content)
            try:
                return operation.decode(answer.content)
            except ValidationError as error:
                raise Unavailable(f"{self._service}: unexpected answer: {error}") from error

    async def ready(self) -> None:
        """Unavailable unless the service says that it is ready."""
        answer = await self._ask("/health/ready", None)
        if answer.status_code != 200:
            raise error_of(self._service, answer.status_code, answer.content)

    async def _ask(self, path: str, content: bytes | None) -> httpx2.Response:
        method = "GET" if content is None else "POST"
        headers = {"Content-Type": "application/json", "Authorization": self._bearer.header()}
        try:
            async with asyncio.timeout(self._deadline):
                return await self._http.request(method, path, content=content, headers=headers)
        except TimeoutError as error:
            said = f"{self._service} did not answer in {self._deadline:g} s"
            raise Unavailable(said) from error
        except httpx2.HTTPError as error:
            raise Unavailable(f"{self._service}: {describe_error(error)}") from error


def remote(protocol: type, client: ServiceClient) -> Any:
    """A service that is somewhere else: an object with the methods of its Protocol.

    Its type is what the caller says it is, as nothing checks methods that are made here.
    """
    methods = {
        name: _make_method(operation, client) for name, operation in operations(protocol).items()
    }
    return SimpleNamespace(**methods)


def _make_method(operation: Operation, client: ServiceClient) -> Callable[..., Any]:
    async def method(*args: Any, **kwargs: Any) -> Any:
        return await client.call(operation, operation.encode(*args, **kwargs))

    return method


@asynccontextmanager
async def open_client(
    url: str, authorities: Path | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """A pool of connections to a service. Proxies of the environment are not for our own parts.

    `authorities` (PEM) are who may have signed its certificate, instead of the usual ones.
    OSError or ssl.SSLError if they cannot be read.
    """
    async with httpx2.AsyncClient(
        base_url=url,
        verify=_load_authorities(authorities),
        timeout=None,
        limits=CONNECTIONS,
        trust_env=False,
        follow_redirects=False,
    ) as http:
        yield http


@cache
def _load_authorities(authorities: Path | None) -> ssl.SSLContext:
    """Read once for all services: it takes 30 ms."""
    return ssl.create_default_context(cafile=authorities)
