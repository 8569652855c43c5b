"""HTTP for the `stripe` client, on httpx2. Retries are Temporal's, so there are none here."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache
from typing import ClassVar

import httpx2
import stripe

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Transport(stripe.HTTPClient):
    """Stripe's extension point for an HTTP library; it connects with the first request.

    `timeout` is in seconds and bounds a whole request. A proxy from the environment is used,
    save for a provider on this machine. Whatever leaves the outcome of a request unknown is
    `stripe.APIConnectionError`.
    """

    name: ClassVar[str] = "httpx2"

    def __init__(self, timeout: float, *, inner: httpx2.AsyncBaseTransport | None = None) -> None:
        super().__init__()
        self._timeout = timeout
        self._inner = inner
        self._opened: httpx2.AsyncClient | None = None

    async def request_async(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        post_data: str | bytes | None = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request and read the whole answer."""
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client(url).request(
                    method, url, headers=dict(headers), content=post_data or None
                )
        except TimeoutError as error:
            unknown = f"no answer within {self._timeout:g} s"
            raise stripe.APIConnectionError(unknown) from error  # type: ignore[no-untyped-call]
        except httpx2.HTTPError as error:
            unknown = ": ".join(filter(None, (type(error).__name__, str(error))))
            raise stripe.APIConnectionError(unknown) from error  # type: ignore[no-untyped-call]
        return response.content, response.status_code, response.headers

    async def close_async(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.aclose()
            self._opened = None

    def _client(self, url: str) -> httpx2.AsyncClient:
        if self._opened is None:
            elsewhere = httpx2.URL(url).host not in LOOPBACK
            self._opened = httpx2.AsyncClient(
                verify=_load_authorities(trust_env=elsewhere),
                timeout=None,  # the whole request is bounded instead
                transport=self._inner,
                trust_env=elsewhere,
            )
        return self._opened


@cache
def _load_authorities(*, trust_env: bool) -> ssl.SSLContext:
    """The authorities that sign servers' certificates. Read once: it takes 30 ms."""
    return httpx2.create_ssl_context(trust_env=trust_env)
