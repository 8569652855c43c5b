"""A toy saga, started, with its worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from saga.stretch.worker import StretchPlugin
from tests.saga.toy import QUEUE, Script, Toy, ToySaga

# Nothing is cached, so each task and query of a saga begins with its imports, which take 50 ms and
# more. So only its own module is under Temporal's guards, which is imported anew each time;
# `ALL_GUARDS` has the engine under them, too.
ONCE = ("saga", "pytest", "tests.support", "tests.saga.environment")
GUARDS = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules(*ONCE)
)
ALL_GUARDS = SandboxedWorkflowRunner()
PATH = ""  # or FAST, STRETCH, or both; each test runs with all
Handle = WorkflowHandle[ToySaga, str]


@asynccontextmanager
async def toy(
    client: Client,
    script: Script,
    style: str = "",
    *,
    cached: int = 0,
    runner: WorkflowRunner = GUARDS,
    task_timeout: timedelta = timedelta(seconds=5),
) -> AsyncIterator[Handle]:
    """A toy saga, started, with its worker. Nothing is cached, so that everything is replayed.

    `task_timeout`: what each task costs that fails, but for the first.
    """
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[ToySaga],
        activities=Toy(script).all(),
        max_cached_workflows=cached,
        plugins=[StretchPlugin()],
        workflow_runner=runner,
    )
    async with worker:
        yield await client.start_workflow(
            ToySaga.run,
            PATH + style,
            id=f"toy-{uuid4()}",
            task_queue=QUEUE,
            task_timeout=task_timeout,
        )
