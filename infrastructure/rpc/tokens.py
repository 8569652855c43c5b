"""The tokens with which parts of the system call services: for one service each, for a minute."""

import time
from collections.abc import Callable

from infrastructure.security.access_tokens import BETWEEN_SERVICES, Issuer

SCOPE = "service"
RENEWED_AFTER = BETWEEN_SERVICES.total_seconds() / 2  # so that none expires on its way


def audience_of(service: str) -> str:
    """What a token must be for, to be taken by this service."""
    return f"order-saga-{service}"


class Bearer:
    """Who we are to one service. Signing takes a moment, so a token is used for half its life."""

    def __init__(
        self,
        issuer: Issuer,
        service: str,
        subject: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._audience = audience_of(service)
        self._subject = subject
        self._clock = clock
        self._header = ""
        self._renew_at = float("-inf")

    def header(self) -> str:
        """The value of the header Authorization."""
        if self._clock() >= self._renew_at:
            token = self._issuer.mint(self._audience, self._subject, [SCOPE])
            self._header = f"Bearer {token}"
            self._renew_at = self._clock() + RENEWED_AFTER
        return self._header
