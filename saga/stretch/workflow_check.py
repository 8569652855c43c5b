"""Whether the workflow that has asked for a stretch still runs.

Temporal tells nothing to the activities of one that was terminated, so they go on. A heartbeat
would be answered so, but is a request for each stretch; this asks only where a step was slow.
"""

import time
from datetime import timedelta

from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.service import RPCError

TRUSTED = timedelta(seconds=0.5)  # several times what a clean stretch takes, so that it never asks
WITHIN = timedelta(seconds=1)  # that Temporal has to answer


class WorkflowCheck:
    """Of the workflow of the activity in which this is made; it has just been certain then."""

    def __init__(self) -> None:
        self._certain = time.monotonic()

    async def still_runs(self) -> bool:
        """Whether it did TRUSTED ago, or does now; False if Temporal does not answer."""
        asked = time.monotonic()
        if asked < self._certain + TRUSTED.total_seconds():
            return True
        try:
            runs = await _is_running()
        except RPCError:
            return False
        self._certain = asked
        return runs


async def _is_running() -> bool:
    info, client = activity.info(), activity.client()
    run = WorkflowExecution(workflow_id=info.workflow_id or "", run_id=info.workflow_run_id or "")
    answer = await client.workflow_service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(namespace=client.namespace, execution=run), timeout=WITHIN
    )
    running = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING
    return bool(answer.workflow_execution_info.status == running)
