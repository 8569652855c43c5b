"""How sagas end and how long their parts take, as metrics of Temporal's SDK.

    saga_outcomes           how many workflows ended, by type and outcome
    saga_duration           from start to end, likewise
    saga_activity_duration  from when a step asks for an activity to its last word, retries included
                            of a step in a stretch, how long it took there; the stretch counts too

The SDK's own are beside them, schedule-to-start and failures of each attempt among them. Nothing is
counted again when a workflow is replayed.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import FailureError
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    StartActivityInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from saga.stretch.execution import decode_stretch
from saga.stretch.messages import STRETCH, CleanAttempt

OUTCOMES, DURATION = "saga_outcomes", "saga_duration"
ACTIVITY = "saga_activity_duration"


class Measures(Interceptor):
    """The worker's interceptor."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - the SDK's name
    ) -> type[WorkflowInboundInterceptor]:
        """Measure every workflow."""
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 - likewise
        try:
            result = await super().execute_workflow(input)
        except asyncio.CancelledError:
            _record_outcome("cancelled")
            raise
        except Exception as error:
            if workflow.is_failure_exception(error):  # others fail the task, and it goes on
                _record_outcome("failed")
            raise
        _record_outcome(str(getattr(result, "status", "completed")))
        return result


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002 - likewise
        return _time_activity(super().start_activity(input), input.activity)

    def start_local_activity(
        self,
        input: StartLocalActivityInput,  # noqa: A002 - likewise
    ) -> workflow.ActivityHandle[Any]:
        return _time_activity(super().start_local_activity(input), f"{input.activity}")


def _record_outcome(outcome: str) -> None:
    info = workflow.info()
    labels: dict[str, str | int | float | bool] = {"outcome": outcome}
    meter = workflow.metric_meter()
    meter.create_counter(OUTCOMES, "Sagas that ended").add(1, labels)
    took = workflow.now() - info.workflow_start_time
    meter.create_histogram_timedelta(DURATION, "From start to end").record(took, labels)


def _time_activity(
    handle: workflow.ActivityHandle[Any], activity: str
) -> workflow.ActivityHandle[Any]:
    began = workflow.now()

    def record(task: asyncio.Future[Any]) -> None:
        well = not task.cancelled() and task.exception() is None
        _record_activity(activity, workflow.now() - began, well=well)
        if well and activity == STRETCH:
            _record_steps(task)

    handle.add_done_callback(record)
    return handle


def _record_steps(task: asyncio.Future[Any]) -> None:
    """Each step of a stretch, by its activity's name, as if it had been asked for by itself."""
    with suppress(FailureError):  # it tells nothing of its steps: they are asked for one by one
        for attempt in decode_stretch(task.result()).attempts:
            well = isinstance(attempt, CleanAttempt)
            _record_activity(attempt.activity, timedelta(seconds=attempt.seconds), well=well)


def _record_activity(activity: str, took: timedelta, *, well: bool) -> None:
    labels: dict[str, str | int | float | bool] = {"activity": activity, "well": well}
    meter = workflow.metric_meter()
    meter.create_histogram_timedelta(ACTIVITY, "Retries included").record(took, labels)
