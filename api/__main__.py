"""`python -m api`: serves the REST front end."""

import argparse
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from pydantic_settings import BaseSettings

from api.app import create_app
from api.backend import Backend
from api.server import SERVING
from infrastructure.settings import DatabaseSettings, ProviderSettings
from infrastructure.temporal import connect
from services.composition import open_services


class ApiSettings(BaseSettings):
    """TEMPORAL_UI_URL: where links to the Temporal Web UI lead."""

    temporal_ui_url: str = "http://127.0.0.1:8233"


def loopback(host: str) -> str:
    """The address, if it is this machine's own: nobody is asked who they are yet."""
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise argparse.ArgumentTypeError("there is no authentication yet: only loopback is served")
    return host


@asynccontextmanager
async def open_backend() -> AsyncIterator[Backend]:
    """The backend from the environment. Connections are made when first needed."""
    client = await connect(lazy=True, identity="api")
    async with open_services(DatabaseSettings(), ProviderSettings()) as services:
        yield Backend.of(client, services, ApiSettings().temporal_ui_url)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m api", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", type=loopback)
    parser.add_argument("--port", default=8000, type=int)
    options = parser.parse_args()
    uvicorn.run(
        create_app(open_backend),
        host=options.host,
        port=options.port,
        **SERVING,
    )


if __name__ == "__main__":
    main()
