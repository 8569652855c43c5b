"""`python -m benchmarks.programs.naive_saga`: a saga that saves its state after every step.

No resume, no retry, no compensation: what a saga costs that keeps its progress and does nothing
with it. PEER_DATABASE_URL is where it keeps it.
"""

import asyncio
import json
import os
import sys

import asyncpg

from benchmarks.programs.serving import serve
from benchmarks.programs.steps import steps_of
from contracts.orders import CreateOrder
from infrastructure.settings import DatabaseSettings, ProviderSettings
from services.composition import open_services

# In one transaction. Two processes that make a table at once fail, IF NOT EXISTS or not.
TABLE = """SELECT pg_advisory_xact_lock(1);
    CREATE TABLE IF NOT EXISTS sagas
    (id text PRIMARY KEY, step text NOT NULL, replies jsonb NOT NULL)"""
SAVE = """INSERT INTO sagas VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET step = excluded.step, replies = excluded.replies"""


async def main(port: int) -> None:
    """Serve the kind `saga`."""
    pool = await asyncpg.create_pool(os.environ["PEER_DATABASE_URL"], ssl=False)
    await pool.execute(TABLE)
    async with pool, open_services(DatabaseSettings(), ProviderSettings()) as services:
        steps = steps_of(services)

        async def saga(order: CreateOrder) -> None:
            replies = {}
            for name, step in steps.items():
                replies[name] = await step(order)
                await pool.execute(SAVE, order.order_id, name, json.dumps(replies))

        await serve(port, {"saga": saga})


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
