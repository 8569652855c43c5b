"""A saga that was started by hand, with an input that no code can read."""

from datetime import timedelta
from uuid import uuid4

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.service import RPCError, RPCStatusCode

from activities.executions import describe
from cli.drill.drill import Drill, Finding
from cli.drill.incident import Incident
from cli.drill.practice_stack import PracticeStack
from contracts.names import Queue
from contracts.workflow_io import PLACING


async def _wedge(stack: PracticeStack) -> Incident:
    made = Incident(drill=WEDGED_INPUT.name, order_id=f"ord_drill{uuid4().hex[:12]}")
    client = await stack.connect()
    await client.start_workflow(
        PLACING.name,
        {},
        id=made.saga_id,
        task_queue=Queue.ORDERS,
        task_timeout=timedelta(seconds=1),
    )
    return made


async def _look(stack: PracticeStack, made: Incident) -> list[Finding]:
    found = await describe(await stack.connect(), made.saga_id)
    text = "Temporal: its workflow is {}".format("gone" if found is None else "still there")
    return [
        Finding(found is None, text),
        Finding(
            await stack.read_status(made.order_id) is None, "the order database: it is no order"
        ),
    ]


async def _remove(stack: PracticeStack, made: Incident) -> None:
    client = await stack.connect()
    request = DeleteWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=made.saga_id),
    )
    try:
        await client.workflow_service.delete_workflow_execution(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


WEDGED_INPUT = Drill(
    name="wedged-input",
    page="docs/runbooks/undecodable.md",
    happens="a saga was started by hand, with an input that no code can read",
    seen="The console lists one more saga that needs attention, order-{order_id}. A colleague has "
    "tried something out from the command line. No customer knows of it.",
    make=_wedge,
    put_back=_remove,
    look=_look,
)
