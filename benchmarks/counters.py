"""What a saga costs where it leaves traces: Temporal's history and persistence, and PostgreSQL."""

import asyncio
import re

import asyncpg
import httpx2
from pydantic import BaseModel
from temporalio.client import Client

PERSISTENCE = re.compile(r"^persistence_requests(?:_total)?\{[^}]*\} ([0-9.e+]+)", re.MULTILINE)

# A session that is idle hands its numbers in after ten seconds (PGSTAT_IDLE_INTERVAL).
HANDED_IN = 10.5
# Temporal's server publishes its counters once a second, be it busy or not.
PUBLISHED = 1.0
PATIENCE = 30.0


class History(BaseModel, frozen=True):
    """How much of a workflow Temporal keeps."""

    events: int
    size: int


class OperationCounts(BaseModel, frozen=True):
    """Since the servers started."""

    persistence: float
    transactions: int


async def history(client: Client, workflow_id: str) -> History:
    """Of a workflow that has ended."""
    description = await client.get_workflow_handle(workflow_id).describe()
    info = description.raw_description.workflow_execution_info
    return History(events=info.history_length, size=info.history_size_bytes)


async def wait_for_statistics() -> None:
    """Wait until PostgreSQL's sessions have handed in their numbers."""
    await asyncio.sleep(HANDED_IN)


async def wait_until_published(metrics_url: str, *, than: float) -> None:
    """Wait until Temporal has published more persistence operations. TimeoutError if it does not.

    The last of them may be missing: `wait_for_statistics` is for those who want the figure.
    """
    async with asyncio.timeout(PATIENCE):
        while await _persistence(metrics_url) <= than:  # noqa: ASYNC110 - another process
            await asyncio.sleep(PUBLISHED)


async def count_operations(metrics_url: str, postgres_url: str) -> OperationCounts:
    """Persistence operations of one Temporal, and transactions of all databases."""
    return OperationCounts(
        persistence=await _persistence(metrics_url), transactions=await _transactions(postgres_url)
    )


async def _persistence(metrics_url: str) -> float:
    async with httpx2.AsyncClient(trust_env=False) as http:
        metrics = (await http.get(metrics_url)).raise_for_status().text
    return sum(float(value) for value in PERSISTENCE.findall(metrics))


async def _transactions(url: str) -> int:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        row = await connection.fetchrow(
            "SELECT sum(xact_commit) FROM pg_stat_database WHERE datname <> 'postgres'"
        )
        return int(row[0])
    finally:
        await connection.close()
