"""`saga-service-inventory`: the inventory service as a process of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import BaseSettings

from infrastructure.security.access_tokens import Verifier
from infrastructure.settings import DatabaseUrl
from services.inventory.http import create_app
from services.inventory.wiring import open_service
from services.server_process import POOL_SIZE, serve


class Settings(BaseSettings):
    """Its database."""

    inventory_database_url: DatabaseUrl = Field(description="Its database")


@asynccontextmanager
async def serving(verifier: Verifier) -> AsyncIterator[FastAPI]:
    """The application, on what the environment names."""
    async with open_service(Settings().inventory_database_url, pool_size=POOL_SIZE) as found:
        yield create_app(found, verifier)


def main() -> None:
    """Entry point of `saga-service-inventory`."""
    serve("inventory", serving)


if __name__ == "__main__":
    main()
