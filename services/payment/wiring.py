"""Puts the payment service together in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from contracts.payments import PaymentService
from infrastructure.http.circuit_breaker import Breaker, Observer, ignore_state
from infrastructure.postgres.database import POOL_SIZE, Database
from infrastructure.settings import ProviderSettings
from services.payment.provider.client import Provider
from services.payment.service import Payments
from services.schema import check_schema
from services.service_handle import ServiceHandle

PROVIDER = "payment_provider"  # the name of its breaker


@asynccontextmanager
async def open_service(
    url: str,
    settings: ProviderSettings,
    *,
    pool_size: int = POOL_SIZE,
    observe: Observer = ignore_state,
) -> AsyncIterator[ServiceHandle[PaymentService]]:
    """The service on this database and provider; it connects when first needed.

    `observe` hears of the breaker in front of the provider.
    """
    database = Database(url, pool_size=pool_size)
    provider = Provider(settings, breaker=Breaker(PROVIDER, observe=observe))
    try:
        ready = partial(check_schema, database, "payment")
        payments = Payments(database, provider, return_url=settings.payment_return_url)
        yield ServiceHandle(payments, ready)
    finally:
        await provider.close()
        await database.close()
