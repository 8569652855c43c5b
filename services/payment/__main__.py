"""`saga-service-payment`: the payment service as a process of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import BaseSettings

from infrastructure.http.circuit_breaker_metrics import make_observer
from infrastructure.security.access_tokens import Verifier
from infrastructure.settings import DatabaseUrl, ProviderSettings
from services.payment.http import create_app
from services.payment.wiring import PROVIDER, open_service
from services.server_process import POOL_SIZE, serve


class Settings(BaseSettings):
    """Its database."""

    payment_database_url: DatabaseUrl = Field(description="Its database")


@asynccontextmanager
async def serving(verifier: Verifier) -> AsyncIterator[FastAPI]:
    """The application, on what the environment names."""
    url = Settings().payment_database_url
    breaker = make_observer([PROVIDER])
    async with open_service(url, ProviderSettings(), pool_size=POOL_SIZE, observe=breaker) as found:
        yield create_app(found, verifier)


def main() -> None:
    """Entry point of `saga-service-payment`."""
    serve("payment", serving)


if __name__ == "__main__":
    main()
