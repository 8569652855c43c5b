"""`python -m travel`: books a trip on servers of its own, and shows what becomes of it."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from saga import SagaState, SagaView
from travel.messages import Approval
from travel.queue import QUEUE
from travel.subject import make_trip
from travel.trip import APPROVAL, BookTrip
from travel.world import World, temporary_world


async def book(world: World, client: Client, approved: bool) -> SagaView:
    """Start the saga of a trip, answer for the traveller, and wait for its end."""
    trip = (await make_trip(world, fast=False)).argument
    saga = await client.start_workflow(BookTrip.run, trip, id=trip.trip_id, task_queue=QUEUE)
    while (await saga.query(BookTrip.saga)).state is SagaState.RUNNING:
        await asyncio.sleep(0.1)
    answer = [APPROVAL.name, Approval(approved=approved)]
    await saga.execute_update(BookTrip.answer, args=answer)
    await saga.result()
    return await saga.query(BookTrip.saga)


async def main(approved: bool) -> None:
    """Temporal, PostgreSQL and a worker; one trip; and all of it is gone."""
    server = WorkflowEnvironment.start_local(
        dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
        dev_server_extra_args=["--output", "none"],
        dev_server_log_level="never",
    )
    async with await server as temporal, temporary_world() as world:
        host = temporal.client.service_client.config.target_host
        client = await Client.connect(host, data_converter=world.converter)
        async with Worker(
            client,
            task_queue=QUEUE,
            workflows=world.workflows,
            activities=world.activities,
            interceptors=world.interceptors,
        ):
            print((await book(world, client, approved)).markdown())


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m travel", description=__doc__)
    parser.add_argument("--decline", action="store_true", help="the traveller says no")
    asyncio.run(main(approved=not parser.parse_args().decline))
    sys.stdout.flush()
    os._exit(0)  # a thread of Temporal's client may turn the interpreter's ending into an abort
