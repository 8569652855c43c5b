"""`python -m benchmarks.programs.dbos_saga`: the same six steps as a DBOS workflow.

Each step is a DBOS step that calls the same service in process; the workflow runs in the process
that was asked, which is DBOS's quickest way. Its system database is PEER_DATABASE_URL.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID

from benchmarks.programs.serving import serve
from benchmarks.programs.steps import Step, steps_of
from contracts.orders import CreateOrder
from infrastructure.settings import DatabaseSettings, ProviderSettings
from services.composition import open_services

POOL = 20


def config() -> DBOSConfig:
    """Its own defaults, but for a quiet console."""
    return {
        "name": "place-order",
        "system_database_url": os.environ["PEER_DATABASE_URL"],
        "sys_db_pool_size": POOL,
        "console_log_level": "WARNING",
        "executor_id": f"process-{os.getpid()}",
        "application_version": "1",
    }


async def main(port: int) -> None:
    """Serve the kind `saga`."""
    DBOS(config=config())
    async with open_services(DatabaseSettings(), ProviderSettings()) as services:
        workflow = _register(steps_of(services))
        DBOS.launch()

        async def saga(order: CreateOrder) -> None:
            with SetWorkflowID(order.order_id):
                await workflow(order)

        await serve(port, {"saga": saga})
        DBOS.destroy()


def _register(steps: Mapping[str, Step]) -> Any:
    durable = [DBOS.step(name=name)(step) for name, step in steps.items()]

    async def place_order(order: CreateOrder) -> None:
        for step in durable:
            await step(order)

    return DBOS.workflow(name="place_order")(place_order)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
