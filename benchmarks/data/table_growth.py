"""How the services' tables grow, and whether they are read by index: as PostgreSQL counts it."""

from collections.abc import Mapping

import asyncpg
from pydantic import BaseModel

from contracts.names import DATABASES

COUNTS = """SELECT relname, n_tup_ins - n_tup_del AS rows, coalesce(seq_tup_read, 0) AS read_whole
    FROM pg_stat_user_tables ORDER BY relname"""


class Counts(BaseModel, frozen=True):
    """Since the statistics began: rows that were added and stayed, and rows read by whole scans."""

    rows: int
    read_whole: int


async def counts(urls: Mapping[str, str]) -> dict[str, Counts]:
    """By `database.table`. Sessions hand their numbers in after ten seconds, see `counters`."""
    found: dict[str, Counts] = {}
    for database, url in urls.items():
        connection = await asyncpg.connect(url, ssl=False)
        try:
            for row in await connection.fetch(COUNTS):
                name = f"{database}.{row['relname']}"
                found[name] = Counts(rows=row["rows"], read_whole=row["read_whole"])
        finally:
            await connection.close()
    return found


def databases(suffix: str = "") -> list[str]:
    """The services' databases, or their namesakes with other rows in them."""
    return [f"{role}{suffix}" for role in DATABASES.values()]
