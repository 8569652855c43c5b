"""`saga-discovery`: keeps Envoy's files of endpoints as the registry has them."""

import argparse
import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2
from pydantic import Field
from pydantic_settings import BaseSettings

from contracts.names import SERVICES
from infrastructure.envoy.endpoints import EndpointFiles
from infrastructure.postgres.database import Database
from infrastructure.registry.health_checker import HealthChecker, Publish, health_by
from infrastructure.registry.postgres import PostgresRegistry
from infrastructure.registry.registry import Instance
from infrastructure.settings import DatabaseUrl
from infrastructure.telemetry.metrics import gauge, serve
from infrastructure.telemetry.setup import telemetry_of


class Settings(BaseSettings):
    """The registry's database."""

    registry_database_url: DatabaseUrl = Field(description="The registry that it watches")


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
            files.make(tuple(SERVICES))
            publish = _publish_and_count(files.publish)
            await HealthChecker(registry, tuple(SERVICES), health_by(http), publish).run(stop)
    finally:
        await database.close()


def _publish_and_count(publish: Publish) -> Publish:
    known = gauge("saga_instances", "Instances of a service that are listed and well")
    up = gauge("saga_instance_up", "1 for an instance that is listed and well, 0 for one that was")
    seen: set[Instance] = set()

    def both(instances: Mapping[str, Sequence[Instance]]) -> None:
        publish(instances)
        for service, found in instances.items():
            known.set(len(found), {"service": service})
        well = {row for found in instances.values() for row in found}
        seen.update(well)
        for row in seen:
            place = {"instance": row.name, "address": f"{row.host}:{row.port}"}
            up.set(int(row in well), {"service": row.service, **place})

    return both


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="saga-discovery", description=__doc__)
    parser.add_argument("--endpoints", type=Path, required=True, help="the folder of the files")
    parser.add_argument("--metrics-port", type=int, help="serve Prometheus metrics on loopback")
    options = parser.parse_args()
    with telemetry_of("discovery", None):
        if options.metrics_port:
            serve(options.metrics_port)
        asyncio.run(run(options.endpoints))


if __name__ == "__main__":
    main()
