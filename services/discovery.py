"""`python -m services.discovery`: keeps Envoy's files of endpoints as the registry has them."""

import argparse
import asyncio
import logging
import signal
from pathlib import Path

import httpx2
from pydantic_settings import BaseSettings

from infrastructure.database import Database
from infrastructure.envoy.endpoints import EndpointFiles
from infrastructure.registry.postgres import PostgresRegistry
from infrastructure.registry.watch import Watch, health_by
from infrastructure.settings import DatabaseUrl
from services.migrate import SERVICES


class Settings(BaseSettings):
    """The registry's database."""

    registry_database_url: DatabaseUrl


async def run(folder: Path) -> None:
    """Watch the registry until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = Database(Settings().registry_database_url)
    try:
        async with httpx2.AsyncClient(trust_env=False) as http:
            registry = PostgresRegistry(database)
            files = EndpointFiles(folder)
            files.make(SERVICES)
            await Watch(registry, SERVICES, health_by(http), files.publish).run(stop)
    finally:
        await database.close()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m services.discovery", description=__doc__)
    parser.add_argument("--endpoints", type=Path, required=True, help="the folder of the files")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    asyncio.run(run(parser.parse_args().endpoints))


if __name__ == "__main__":
    main()
