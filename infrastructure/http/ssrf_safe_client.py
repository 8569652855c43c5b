"""POST to URLs that strangers gave us, and not to what is behind our own doors (SSRF).

A name is resolved once, its addresses are checked, and the connection is made to an address that
was checked: a name that leads elsewhere a moment later (DNS rebinding) leads nowhere here. TLS is
still about the name. Redirects are not followed, proxies of the environment are not used, and of
an answer only its head is read.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx2

from infrastructure.postgres.slow_transactions import may_take_long
from saga.participant.errors import describe_error

TIMEOUT = 20.0  # seconds for all of a request; the specification of webhooks says 15 to 30
MOST_ADDRESSES = 4  # of a name, tried one after the other

Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class NotPublicError(Exception):
    """The URL leads to an address that is not to be spoken to."""


@dataclass(frozen=True)
class Answer:
    """What came of a request: a status, or an error in words."""

    status: int | None = None
    error: str | None = None
    retry_after: float | None = None

    @property
    def succeeded(self) -> bool:
        """Only 2xx is a success."""
        return self.status is not None and 200 <= self.status < 300


def networks(given: str) -> tuple[Network, ...]:
    """From `127.0.0.0/8, fd00::/8`. ValueError says what is wrong."""
    return tuple(ip_network(word.strip()) for word in given.split(",") if word.strip())


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is of the internet at large, and no other address is hidden in it."""
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    if isinstance(address, IPv6Address):
        return not (address.is_site_local or address.sixtofour or address.teredo)
    return True


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, by the machine's resolver. OSError if it has none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


class PublicHttp:
    """Sends POST requests; `allowed` networks are spoken to though they are not public."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        allowed: Sequence[Network] = (),
        *,
        find: Resolve = resolve,
        timeout: float = TIMEOUT,
    ) -> None:
        self._http = http
        self._allowed = allowed
        self._find = find
        self._timeout = timeout

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send once; whatever goes wrong on the way is told in the answer."""
        may_take_long("a request to a stranger")
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(httpx2.URL(url), body, headers)
        except TimeoutError:
            return Answer(error=f"no answer within {self._timeout:g} s")
        except NotPublicError as error:
            return Answer(error=str(error))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as error:
            return Answer(error=describe_error(error)[:200])

    async def _post(self, url: httpx2.URL, body: bytes, headers: Mapping[str, str]) -> Answer:
        addresses = await self._find_allowed_addresses(url)
        for address in addresses[:-1]:
            try:
                return await self._send(url, address, body, headers)
            except httpx2.ConnectError:
                continue
        return await self._send(url, addresses[-1], body, headers)

    async def _find_allowed_addresses(self, url: httpx2.URL) -> Sequence[str]:
        """The addresses of the URL's host, if all may be spoken to."""
        port = url.port or {"http": 80, "https": 443}[url.scheme]
        found = [ip_address(item) for item in await self._find(url.host, port)]
        for address in found:
            allowed = any(address in network for network in self._allowed)
            if not (allowed or (is_public(address) and url.scheme == "https")):
                raise NotPublicError("the URL leads to an address that webhooks are not sent to")
        return [str(row) for row in found[:MOST_ADDRESSES]]

    async def _send(
        self, url: httpx2.URL, address: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        named = {"Host": url.netloc.decode("ascii"), **headers}
        async with self._http.stream(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers=named,
            extensions={"sni_hostname": url.host},
        ) as answer:  # leaving closes the connection: the body is not read
            return Answer(
                status=answer.status_code,
                error=None if answer.is_success else f"answered {answer.status_code}",
                retry_after=_seconds(answer.headers.get("retry-after", "")),
            )


def _seconds(value: str) -> float | None:
    """Of a Retry-After in seconds; its other form, a date, is left alone."""
    return float(value) if value.isascii() and value.isdigit() and len(value) < 9 else None


@asynccontextmanager
async def open_public_http(allowed: Sequence[Network]) -> AsyncIterator[PublicHttp]:
    """With a connection of its own for each request: one that is kept is known by its address."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx2.AsyncClient(trust_env=False, limits=limits, timeout=TIMEOUT) as http:
        yield PublicHttp(http, allowed)
