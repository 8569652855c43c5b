"""An order whose workflow was terminated after its money had moved."""

from datetime import timedelta

from temporalio.service import RPCError, RPCStatusCode

from cli.drill.drill import Drill
from cli.drill.incident import Incident
from cli.drill.practice_stack import PracticeStack
from cli.operate.audit import run_audit
from contracts.audits import AuditRequest
from contracts.names import workflow_id
from local_stack.errors import StackError

TRIES = 5  # orders, until one is terminated before it has ended


async def _terminate(stack: PracticeStack) -> Incident:
    client = await stack.connect()
    for _ in range(TRIES):
        placed = await stack.place_charged("pm_sandbox_slow")
        try:
            saga = client.get_workflow_handle(workflow_id(placed.order_id))
            await saga.terminate("cancelled at the customer's wish")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        else:
            return Incident(drill=TERMINATED.name, **placed._asdict())
    raise StackError("each order ended before it could be terminated: try again")


async def _carry_on(stack: PracticeStack, _: Incident) -> None:
    """The audit does what it would do in ten minutes."""
    await run_audit(await stack.connect(), AuditRequest(grace=timedelta(0), repair=True))


TERMINATED = Drill(
    name="terminated-order",
    page="docs/runbooks/terminated.md",
    happens="somebody terminated an order's workflow after its money had moved",
    seen="The alert WorkflowEndedFromOutside fires. A customer calls: “My bank shows the payment "
    "of {order_id}, and your page still says pending.” A colleague says that it was a mistake.",
    make=_terminate,
    put_back=_carry_on,
    ends=frozenset({"confirmed", "cancelled"}),
)
