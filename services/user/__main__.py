"""`saga-service-user`: the user service as a process of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import BaseSettings

from infrastructure.security.access_tokens import Verifier
from infrastructure.settings import DatabaseUrl, UserKeySettings
from services.server_process import POOL_SIZE, serve
from services.user.http import create_app
from services.user.wiring import open_service


class Settings(BaseSettings):
    """Its database."""

    user_database_url: DatabaseUrl = Field(description="Its database")


@asynccontextmanager
async def serving(verifier: Verifier) -> AsyncIterator[FastAPI]:
    """The application, on what the environment names."""
    url, keys = Settings().user_database_url, UserKeySettings().keys()
    async with open_service(url, pool_size=POOL_SIZE, keys=keys) as found:
        yield create_app(found, verifier)


def main() -> None:
    """Entry point of `saga-service-user`."""
    serve("user", serving)


if __name__ == "__main__":
    main()
