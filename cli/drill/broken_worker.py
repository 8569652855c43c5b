"""`python -m cli.drill.broken_worker BUILD_ID PID BORN`: a worker of a version that fails.

It ends with the stack whose supervisor is the process of this pid and time of birth.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from typing import Any

from temporalio import workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from contracts.names import Queue
from contracts.workflow_io import PLACING
from infrastructure.temporal import client as temporal
from infrastructure.temporal.program import run_and_end
from local_stack.supervision.process_identity import Identity
from workers.deployment_version import VersionSettings

LOOK = 1.0  # seconds between two looks at the stack


@workflow.defn(name=PLACING.name)
class BrokenPlaceOrder:
    """What somebody deployed in haste."""

    @workflow.run
    async def run(self, _: Any) -> None:
        """Fail each workflow task, as any bug does that is no failure of Temporal's."""
        raise KeyError("a bug")


async def work(build_id: str, supervisor: Identity) -> None:
    """Work until SIGTERM, or until the stack is gone."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    worker = Worker(
        await temporal.connect(identity="worker-broken"),
        task_queue=Queue.ORDERS,
        workflows=[BrokenPlaceOrder],
        workflow_runner=UnsandboxedWorkflowRunner(),
        deployment_config=VersionSettings(temporal_worker_build_id=build_id).deployment(),
    )
    async with worker:
        while supervisor.find() and not ended.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await ended.wait()
        if not ended.is_set():
            os._exit(0)  # Temporal is gone too, so there is nobody to take leave of


if __name__ == "__main__":
    build, pid, born = sys.argv[1:]
    its_stack = Identity(pid=int(pid), born=float(born))
    run_and_end(lambda: asyncio.run(work(build, its_stack)))
