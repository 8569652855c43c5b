"""Whether the payment provider answers, asked seldom: it is behind breakers that others need."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from contracts.payments import PaymentService
from saga.participant import ServiceError

FRESH = 5.0  # seconds: so few failures open no breaker, which would hold back other payment calls
BRIEFLY = 0.8  # seconds: whoever asks for our health gives up after a second
A_MOMENT = timedelta(seconds=1)


class ProviderHealth:
    """What the provider last said, for one process."""

    def __init__(self, payments: PaymentService) -> None:
        self._payments = payments
        self._lock = asyncio.Lock()
        self._asked: float | None = None
        self._wrong = ""

    async def find_wrong(self) -> str:
        """What is wrong with it; empty if it answers."""
        async with self._lock:
            now = time.monotonic()
            if self._asked is None or now - self._asked > FRESH:
                self._wrong = await self._ask()
                self._asked = time.monotonic()
            return self._wrong

    async def _ask(self) -> str:
        """Ask the payment service for what the provider captured in the last moment."""
        now = datetime.now(UTC)
        try:
            async with asyncio.timeout(BRIEFLY):
                await self._payments.kept_by_provider(now - A_MOMENT, now, None)
        except (ServiceError, TimeoutError) as error:
            return f"{type(error).__name__}: {str(error) or f'no answer in {BRIEFLY} s'}"
        return ""
