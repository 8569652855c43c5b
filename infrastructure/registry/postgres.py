"""The registry in PostgreSQL. Times are the database's, so that clocks need not agree."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from infrastructure.postgres.database import Database
from infrastructure.registry.registry import Instance, Registered
from infrastructure.registry.tables import instances

MIGRATIONS = Path(__file__).parent / "migrations"
LEASE = timedelta(seconds=10)


class PostgresRegistry:
    """Implements `infrastructure.registry.registry.Registry`."""

    def __init__(self, database: Database, lease: timedelta = LEASE) -> None:
        self._database = database
        self._lease = lease

    async def renew(self, instance: Instance) -> None:
        """Put it on the list, or leave it there for one more lease."""
        place = {
            "host": instance.host,
            "port": instance.port,
            "until": func.now() + self._lease,
        }
        statement = (
            insert(instances)
            .values(service=instance.service, name=instance.name, **place)
            .on_conflict_do_update(index_elements=["service", "name"], set_=place)
        )
        async with self._database.transaction() as tx:
            await tx.execute(statement)

    async def drop(self, instance: Instance) -> None:
        """Take it off the list, if it is there at this very place."""
        row = instances.c
        statement = delete(instances).where(
            row.service == instance.service,
            row.name == instance.name,
            row.host == instance.host,
            row.port == instance.port,
        )
        async with self._database.transaction() as tx:
            await tx.execute(statement)

    async def instances(self) -> list[Registered]:
        """All whose lease has not ended, by service and name; the others are forgotten."""
        ended = delete(instances).where(instances.c.until <= func.now())
        found = select(instances).order_by(instances.c.service, instances.c.name)
        async with self._database.transaction() as tx:
            await tx.execute(ended)
            rows = (await tx.execute(found)).all()
        return [
            Registered(Instance(row.service, row.name, row.host, row.port), row.since, row.until)
            for row in rows
        ]
