"""Public keys from a key set (JWKS, RFC 7517): a URL, or a file.

Keys are kept for MAX_AGE and renewed behind the back of requests. A `kid` that is not known may be
a new key, so it is looked for at once, but never more often than every MIN_INTERVAL, and by one
fetch at a time: forged names cannot make us fetch in a storm. While the source is away, old keys
stay good; keys that are taken out of the set do not.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from jwt.algorithms import ECAlgorithm
from pydantic import BaseModel, Field, ValidationError

from infrastructure.security.signing_keys import ALGORITHM
from saga.participant import Unavailable

MAX_AGE = 300.0  # seconds; how long a key may be trusted after it was taken out of the set
MIN_INTERVAL = 10.0  # seconds between two fetches that unknown names ask for
FIRST_INTERVAL = 1.0  # … while there are no keys yet
FETCH_TIMEOUT = 5.0

PublicKeys = dict[str, EllipticCurvePublicKey]
log = logging.getLogger(__name__)


class _Document(BaseModel):
    keys: list[dict[str, Any]]


class _Usable(BaseModel):
    """What a key of the set must be for us to use it; others are left to their owners."""

    kty: Annotated[str, Field(pattern="^EC$")]
    crv: Annotated[str, Field(pattern="^P-256$")]
    kid: Annotated[str, Field(min_length=1)]
    alg: Annotated[str, Field(pattern=f"^{ALGORITHM}$")] = ALGORITHM
    use: Annotated[str, Field(pattern="^sig$")] = "sig"


def parse(document: bytes) -> PublicKeys:
    """The usable keys of a key set. ValueError if it is none, or holds a private key."""
    try:
        entries = _Document.model_validate_json(document).keys
    except ValidationError:
        raise ValueError("it is no key set (JWKS)") from None
    found: PublicKeys = {}
    for entry in entries:
        if "d" in entry:
            raise ValueError("it holds a private key: give the public half only")
        with contextlib.suppress(ValueError, jwt.InvalidKeyError):
            kid = _Usable.model_validate(entry).kid
            key = ECAlgorithm.from_jwk(entry)
            if isinstance(key, EllipticCurvePublicKey):
                found[kid] = key
    return found


def is_url(source: str) -> bool:
    """Whether the key set is at a URL; else it is a file."""
    return "://" in source


def demand_usable(source: str) -> None:
    """ValueError or OSError if no key can ever come from there. A URL is not fetched."""
    if not is_url(source):
        if not parse(Path(source).read_bytes()):
            raise ValueError(f"it has no {ALGORITHM} key: kty EC, crv P-256, with a kid")
        return
    parts = urlsplit(source)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("keys are fetched by https only, but for http on this machine itself")


def is_loopback(host: str | None) -> bool:
    """Whether that is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


class KeySet:
    """Keys by `kid`, as fresh as the rules above allow. `load` fetches the document."""

    def __init__(
        self, load: Callable[[], Awaitable[bytes]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._clock = clock
        self._keys: PublicKeys = {}
        self._tried: float | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> EllipticCurvePublicKey | None:
        """The key; None if the set has none of this name. Unavailable if there is no set yet."""
        if self._not_tried_for(MAX_AGE):
            self.refresh()
        if kid not in self._keys:
            await self._look_for_new_ones()
        if not self._keys:
            raise Unavailable("no keys to judge tokens by could be fetched yet")
        return self._keys.get(kid)

    def refresh(self) -> asyncio.Task[None]:
        """Fetch the set, unless that is being done. What fails is logged, and the old set kept."""
        if self._refreshing is None or self._refreshing.done():
            self._tried = self._clock()
            self._refreshing = asyncio.create_task(self._refresh())
        return self._refreshing

    async def close(self) -> None:
        """End a fetch that is under way."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    async def _look_for_new_ones(self) -> None:
        busy = self._refreshing is not None and not self._refreshing.done()
        if busy or self._not_tried_for(MIN_INTERVAL if self._keys else FIRST_INTERVAL):
            # Shielded: others may wait for the same fetch when our caller hangs up.
            await asyncio.shield(self.refresh())

    def _not_tried_for(self, seconds: float) -> bool:
        return self._tried is None or self._clock() - self._tried >= seconds

    async def _refresh(self) -> None:
        try:
            self._keys = parse(await self._load())
        except (httpx2.HTTPError, OSError, ValueError) as error:
            log.warning("the key set could not be fetched, the old one stays: %s", error)


@asynccontextmanager
async def open_keys(source: str) -> AsyncIterator[KeySet]:
    """The keys at a URL or in a file. The first fetch is begun, and not waited for."""
    # No redirects: the keys come from where they were said to be, or not at all.
    async with httpx2.AsyncClient(timeout=FETCH_TIMEOUT, follow_redirects=False) as http:

        async def fetch() -> bytes:
            return (await http.get(source)).raise_for_status().content

        async def read() -> bytes:
            return await asyncio.to_thread(Path(source).read_bytes)

        keys = KeySet(fetch if is_url(source) else read)
        keys.refresh()
        try:
            yield keys
        finally:
            await keys.close()
