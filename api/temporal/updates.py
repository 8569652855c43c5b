"""Updates of workflows, sent again where the server gives one up for reasons of its own."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

PAUSE = 0.05  # seconds: the workflow's next task is on its way


async def send_update(
    handle: WorkflowHandle[Any, Any],
    name: str,
    argument: Any,
    *,
    within: timedelta,
    update_id: str | None = None,
) -> None:
    """Execute an Update, under one id, until it is answered.

    A workflow's task that holds the Update may fail, for one because an activity ended in the same
    moment. The server then gives the Update up, and says so (FAILED_PRECONDITION): nothing came of
    it, and it may be sent again. Raises what `execute_update` does, and that RPCError if the time
    is over.
    """
    update_id = update_id or str(uuid4())
    clock = asyncio.get_running_loop().time
    until = clock() + within.total_seconds()
    while True:
        try:
            await handle.execute_update(name, argument, id=update_id, rpc_timeout=within)
        except RPCError as error:
            if error.status is not RPCStatusCode.FAILED_PRECONDITION or clock() > until:
                raise
            await asyncio.sleep(PAUSE)
        else:
            return
