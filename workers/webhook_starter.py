"""Starts the workflow of a delivery, however often it is asked to: it is one for each run."""

from contextlib import suppress
from datetime import timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from contracts.webhooks import QUEUE, WORKFLOW, DeliveryRun
from infrastructure.postgres.slow_transactions import may_take_long
from saga.participant import Unavailable

PATIENCE = timedelta(seconds=3)  # a bus waits meanwhile


async def start_delivery(client: Client, run: DeliveryRun) -> None:
    """Have it delivered; nothing happens if this run has begun or ended. Unavailable."""
    may_take_long("starting a workflow")
    try:
        with suppress(WorkflowAlreadyStartedError):
            await client.start_workflow(
                WORKFLOW,
                run,
                id=run.workflow_id,
                task_queue=QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                rpc_timeout=PATIENCE,
            )
    except (RPCError, RuntimeError) as error:  # what a client raises that cannot connect
        raise Unavailable(f"Temporal: {error}") from error
