"""One saga as its workflow tells of it, and as Temporal does where its workflow says nothing."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from temporalio.client import Client
from temporalio.service import RPCError

from activities.executions import Execution, describe
from api.temporal.activity_attempts import Try, count_attempts, read_tries
from api.temporal.audit_outlook import AuditOutlook
from api.temporal.diagnosis import diagnose, tell_unjudged
from api.temporal.errors import (
    DOUBTFUL_QUERY_TIMEOUT,
    RPC_TIMEOUT,
    UNKNOWN_ORDER,
    UPDATE_TIMEOUT,
    translate_errors,
)
from api.temporal.failures import RetriedActivity, list_retried
from api.temporal.troubles import CODES, LATE, Kind, Trouble
from saga import SagaView, StepKind, StepView, WaitView
from saga.participant import NotFound, Unavailable
from workflows.order_saga import OrderSaga
from workflows.sagas import SAGAS

log = logging.getLogger(__name__)
UNBOUND = {StepKind.PIVOT, StepKind.RETRIABLE}  # it parks, and is still retried
BOUNDS = {  # how long an action waits at most, by its step
    step.name: step.park_after if step.kind in UNBOUND else step.patience
    for saga in SAGAS.values()
    for step in saga.definition
}
SILENT = {Kind.PROBLEM, Kind.UNKNOWN}  # whose workflow mostly answers nobody, until it is mended


class SilentSaga(Unavailable):
    """No worker tells of a saga. `trouble`: what is wrong with it by what Temporal knows."""

    def __init__(self, why: str, saga_id: str, trouble: Trouble | None) -> None:
        super().__init__(why)
        self.saga_id = saga_id
        self.trouble = trouble


class LockWait(WaitView):
    """A wait for the lock of a saga, whose id is `what`; past `until` the step is blocked."""


@dataclass(frozen=True)
class ObservedSaga:
    """What is known of a saga. `view` is None if its workflow tells nothing, for this `trouble`.

    `retried`: what fails again and again, by the activity's name. What is blocked is no trouble
    here: the view tells it.
    """

    saga_id: str
    view: SagaView | None
    tries: Sequence[Try]
    retried: Mapping[str, RetriedActivity]
    trouble: Trouble | None

    @property
    def attempts(self) -> Mapping[str, int]:
        """How often each activity was begun."""
        return count_attempts(self.tries)

    def why_retried(self, activity: str) -> str | None:
        """The last error of an activity that is retried; None if it is not."""
        retried = self.retried.get(activity)
        return retried.error if retried else None

    @property
    def state(self) -> str:
        """The saga's own word, unless nobody carries it on as it says."""
        if self.view is None or (self.trouble and self.trouble.kind is Kind.ENDED):
            return self.trouble.kind if self.trouble else "unknown"
        return self.view.state


async def observe_saga(client: Client, saga_id: str, audits: AuditOutlook) -> ObservedSaga:
    """Look at it now. NotFound if there is none; Unavailable if asking again may help.

    SilentSaga if that is since no worker answers.
    """
    async with translate_errors():
        execution = await describe(client, saga_id, rpc_timeout=RPC_TIMEOUT)
        if execution is None:
            raise NotFound("unknown_order", UNKNOWN_ORDER)
        trouble = await _judge(execution, audits)
        waiting = execution.described.pending_activities if execution.described else ()
        tries = await read_tries(client, client.get_workflow_handle(saga_id), waiting)
    view = await _ask_view(client, saga_id, trouble)
    told = trouble if trouble and trouble.kind is not Kind.BLOCKED else None
    retried = await _list_retried(execution)
    if view is not None:
        view.steps = [_add_lock_wait(step, retried.get(step.action)) for step in view.steps]
    return ObservedSaga(saga_id, view, tries, retried, told)


async def _judge(execution: Execution, audits: AuditOutlook) -> Trouble | None:
    """By the rule of the list of troubles. Raises what Temporal does if it does not answer."""
    try:
        return await diagnose(execution, LATE, audits)
    except (RPCError, RuntimeError):
        raise
    except Exception as error:  # noqa: BLE001 - of whatever codec, converter or history
        return tell_unjudged(execution, error)


def _add_lock_wait(step: StepView, retried: RetriedActivity | None) -> StepView:
    """With the saga whose lock its action waits for, which Temporal knows and the workflow not."""
    holder = retried and retried.waits_for
    if not holder or step.waiting or not step.started_at or step.name not in BOUNDS:
        return step
    until = datetime.fromisoformat(step.started_at) + BOUNDS[step.name]
    return replace(step, waiting=LockWait(holder, step.started_at, until.isoformat()))


async def _ask_view(client: Client, saga_id: str, trouble: Trouble | None) -> SagaView | None:
    """The saga's own account; None if it has none to give, for this trouble."""
    if trouble is not None and trouble.kind in CODES:
        return None
    doubtful = trouble is not None and trouble.kind in SILENT
    within = DOUBTFUL_QUERY_TIMEOUT if doubtful else UPDATE_TIMEOUT
    try:
        async with translate_errors():
            return await _query_view(client, saga_id, within)
    except (Unavailable, ValueError) as error:  # a status that is newer than the SDK
        if trouble is None or trouble.kind is Kind.BLOCKED or trouble.goes_on:
            raise SilentSaga(str(error), saga_id, trouble) from error
        return None


async def _query_view(client: Client, saga_id: str, within: timedelta) -> SagaView:
    handle = client.get_workflow_handle(saga_id)
    return await handle.query(OrderSaga.saga, rpc_timeout=within)


async def _list_retried(execution: Execution) -> dict[str, RetriedActivity]:
    """By the activity's name; none if what is told of their failures cannot be decoded."""
    try:
        return {retried.name: retried async for retried in list_retried(execution)}
    except Exception:  # of whatever codec or converter
        log.warning("cannot read why activities of %s fail", execution.id, exc_info=True)
        return {}
