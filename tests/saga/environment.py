"""A toy saga, started, with its worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from tests.saga.toy import QUEUE, Script, Toy, ToySaga

PATH = ""  # or FAST; each test runs with both
Handle = WorkflowHandle[ToySaga, str]


@asynccontextmanager
async def toy(
    client: Client, script: Script, style: str = "", *, cached: int = 0
) -> AsyncIterator[Handle]:
    """A toy saga, started, with its worker. Nothing is cached, so that everything is replayed."""
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[ToySaga],
        activities=Toy(script).all(),
        max_cached_workflows=cached,
    )
    async with worker:
        yield await client.start_workflow(
            ToySaga.run, PATH + style, id=f"toy-{uuid4()}", task_queue=QUEUE
        )
