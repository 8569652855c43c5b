"""The schema that this code needs of a service's database. Loads no Alembic: that is slow."""

from functools import cache
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from infrastructure.postgres.database import Database
from saga.participant import Unavailable

# A transaction that has an id is written down when it ends, so the log must take that.
READ_STATE = text(
    "SELECT version_num, CASE WHEN current_setting('transaction_read_only')::bool THEN false"
    " ELSE pg_current_xact_id() IS NOT NULL END FROM alembic_version"
)


def migrations_of(service: str) -> Path:
    """The folder of a service's Alembic history."""
    return Path(__file__).parent / service / "migrations"


async def check_schema(database: Database, service: str) -> None:
    """Unavailable unless the database has all migrations that this code knows, or more.

    More is well: a release only adds to a schema, so the one before it goes on working. It must
    take writes, too: a commit is made, though of nothing.
    """
    newest, *older = list_revisions(service)
    try:
        async with database.transaction() as tx:
            row = (await tx.execute(READ_STATE)).one_or_none()
    except ProgrammingError:  # there is no such table
        row = None
    found, takes_writes = row or (None, True)
    if not takes_writes:
        raise Unavailable("the database is read-only: it is a standby, or was demoted")
    if found is None or found in older:
        detail = f"schema is {found or 'missing'}, not {newest}: run saga-migrate"
        raise Unavailable(detail)


@cache
def list_revisions(service: str) -> tuple[str, ...]:
    """Newest first: the numbers with which the files begin. They come with the code."""
    files = (migrations_of(service) / "versions").glob("[0-9]*_*.py")
    return tuple(sorted((file.name.partition("_")[0] for file in files), reverse=True))
