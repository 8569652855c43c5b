"""How the workflow of a webhook's delivery stands: whether it is at work, and how it ended."""

from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from activities.executions import Status, describe
from contracts.webhooks import DeliveryRun, DeliveryState
from saga.participant import Unavailable

PATIENCE = timedelta(seconds=3)


class RunState(StrEnum):
    """Where the workflow of a delivery's run is."""

    MISSING = "missing"  # it was never started, or Temporal does not remember it
    OPEN = "open"
    ENDED = "ended"


class Run(NamedTuple):
    """How it stands, in Temporal's word too, and what it came to if it has completed."""

    state: RunState
    word: str
    result: DeliveryState | None = None


async def run_of(client: Client, run: DeliveryRun) -> Run:
    """The workflow of this run. Unavailable."""
    try:
        found = await describe(client, run.workflow_id, rpc_timeout=PATIENCE)
        if found is None:
            return Run(RunState.MISSING, "missing")
        if found.is_open:
            return Run(RunState.OPEN, found.status)
        if found.status is not Status.COMPLETED:
            return Run(RunState.ENDED, found.status)
        handle = client.get_workflow_handle(run.workflow_id, result_type=DeliveryState)
        return Run(RunState.ENDED, found.status, await handle.result(rpc_timeout=PATIENCE))
    except WorkflowFailureError as error:
        return Run(RunState.ENDED, str(error))
    except (RPCError, RuntimeError) as error:  # what a client raises that cannot connect
        raise Unavailable(f"Temporal: {error}") from error
