"""One installation has a namespace of Temporal; another one is refused.

Workers of two installations in one namespace would take each other's orders, and carry them out in
their own databases. So the first one leaves its id in the namespace, as a schedule that never runs:
making one is atomic, everybody can see it, and deleting it gives the namespace away. The id is the
name that its workflow would have, which is never encrypted. It comes from the order database and is
restored with it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleSpec,
    ScheduleState,
)
from temporalio.service import RPCError

from contracts.audits import AuditRequest
from contracts.names import AUDITS
from contracts.orders import OrderService
from saga.participant import Unavailable
from workflows.audit_orders import AuditOrders

log = logging.getLogger("workers")

CLAIM = "installation"  # the schedule's id
NOTE = "Never runs: it says which installation this namespace belongs to (docs/operating.md)"
RETRY_AFTER = 1.0  # seconds
AT_ONCE = 2.0  # seconds

TAKEN = """\
The namespace {namespace!r} of Temporal belongs to installation {theirs}.
This one is {ours}; it would take the other's orders, and is not started. Either
  set TEMPORAL_NAMESPACE to a namespace of its own, or,
  if the other one is gone for good or its databases were replaced on purpose, give it away:
  temporal schedule delete --schedule-id {claim} --namespace {namespace}
More is in docs/operating.md, "One installation a namespace"."""


# The last is what a client says that connects when it is first used.
NOT_NOW = (Unavailable, RPCError, RuntimeError)


class NamespaceMissing(Exception):
    """Temporal does not know the namespace."""


class NamespaceTaken(Exception):
    """Another installation has this namespace; the message says what to do."""


async def claim(client: Client, orders: OrderService) -> None:
    """Claim the namespace for this installation. NamespaceTaken, Unavailable, RPCError."""
    ours = await orders.installation()
    theirs = await _claim(client, ours)
    if theirs != ours:
        place = {"namespace": client.namespace, "claim": CLAIM}
        raise NamespaceTaken(TAKEN.format(ours=ours, theirs=theirs, **place))


async def claim_patiently(client: Client, orders: OrderService) -> None:
    """The same, however long it takes until all that is asked answers.

    NamespaceTaken; NamespaceMissing if Temporal has no such namespace, as waiting makes none.
    """
    while True:
        try:
            return await claim(client, orders)
        except NOT_NOW as error:
            if _is_missing(error):
                raise NamespaceMissing(str(error)) from error
            log.warning("cannot tell yet whose namespace this is, trying again: %s", error)
        await asyncio.sleep(RETRY_AFTER)


@asynccontextmanager
async def claiming(
    client: Client, orders: OrderService, failed: Callable[[], None]
) -> AsyncIterator[None]:
    """Claim the namespace before, or meanwhile if what is asked does not answer at once.

    NamespaceTaken, before; it or NamespaceMissing at the end, after `failed` was called.
    """
    try:
        async with asyncio.timeout(AT_ONCE):
            await claim(client, orders)
    except (*NOT_NOW, TimeoutError):
        task = asyncio.create_task(claim_patiently(client, orders))
        task.add_done_callback(lambda done: failed() if _is_taken(done) else None)
    else:
        task = asyncio.create_task(asyncio.sleep(0))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        if _is_taken(task):
            task.result()


def _is_missing(error: Exception) -> bool:
    details = error.grpc_status.details if isinstance(error, RPCError) else ()
    return any(each.Is(NamespaceNotFoundFailure.DESCRIPTOR) for each in details)


def _is_taken(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is not None


async def _claim(client: Client, ours: str) -> str:
    """The installation that has it: ours, unless another was faster."""
    never = ScheduleActionStartWorkflow(
        AuditOrders.run, AuditRequest(repair=False), id=ours, task_queue=AUDITS
    )
    state = ScheduleState(paused=True, note=NOTE)
    with suppress(ScheduleAlreadyRunningError):
        await client.create_schedule(CLAIM, Schedule(never, spec=ScheduleSpec(), state=state))
        return ours
    claimed = (await client.get_schedule_handle(CLAIM).describe()).schedule.action
    return claimed.id if isinstance(claimed, ScheduleActionStartWorkflow) else "unknown"
