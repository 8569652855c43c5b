"""Answers a step that waits, for the person or the partner whom it waits for.

The server skips whatever time nobody works through, so a step that waits would be out of its time
at once. So the run's clock goes as any other does from before the request's reply, while the
activity is at work, until the answer is taken.
"""

import asyncio
from contextlib import suppress
from typing import Any

from temporalio.api.common.v1 import TimeSkippingConfig
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

EARLY = "NotWaitingYet"  # what a saga says whose request is not open yet
LOOK = 0.1
BOUND = 45.0


async def skip_time(client: Client, workflow_id: str, enabled: bool) -> None:
    """Have the server skip a workflow's idle time, or not. Nothing if it is over."""
    request = UpdateWorkflowExecutionOptionsRequest(
        namespace=client.namespace,
        workflow_execution_options=WorkflowExecutionOptions(
            time_skipping_config=TimeSkippingConfig(enabled=enabled)
        ),
    )
    request.workflow_execution.workflow_id = workflow_id
    request.update_mask.paths.append("time_skipping_config")
    with suppress(RPCError):
        await client.workflow_service.update_workflow_execution_options(request, retry=True)


async def answer(client: Client, workflow_id: str, step: str, said: Any) -> str:
    """Answer until it is taken, or never will be; what came of it, in words.

    Call `skip_time` with False before the request's reply is on its way.
    """
    handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(workflow_id)
    try:
        async with asyncio.timeout(BOUND):
            while True:
                try:
                    await handle.execute_update("answer", args=[step, said])
                except WorkflowUpdateFailedError as refused:
                    if not _is_early(refused):
                        return f"{step}: the answer was refused: {refused.cause}"
                except RPCError as error:
                    if error.status is RPCStatusCode.NOT_FOUND:
                        return f"{step}: nobody waits for the answer any more"
                else:
                    return f"{step} is answered"
                await asyncio.sleep(LOOK)
    except TimeoutError:
        return f"{step}: the answer was not taken in {BOUND:g} s"
    finally:
        await skip_time(client, workflow_id, enabled=True)


def _is_early(refused: WorkflowUpdateFailedError) -> bool:
    return isinstance(refused.cause, ApplicationError) and refused.cause.type == EARLY
