"""A replayer of our workflows: the same code, sandbox and converter as the workers have."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import Replayer

from workers.registration import HOUSEKEEPING, WORKFLOWS
from workers.workflow_runner import runner_for
from workflows.deliver_webhook import DeliverWebhook

RESET = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW


def replayer(
    workflows: Sequence[type[Any]] = (), converter: DataConverter = pydantic_data_converter
) -> Replayer:
    """It knows all our workflows, and touches neither Temporal nor a service.

    `workflows` are other ones in their place, for tests. `converter` reads what is recorded: one
    with keys, if that is encrypted.
    """
    ours = [*chain(*WORKFLOWS.values(), *HOUSEKEEPING.values()), DeliverWebhook]
    return Replayer(
        workflows=workflows or ours,
        workflow_runner=runner_for(converter, strict=True),
        data_converter=converter,
        # Silent: what its core would print into the output is in the results.
        runtime=Runtime(telemetry=TelemetryConfig(logging=None)),
    )


def of_its_run(history: WorkflowHistory) -> WorkflowHistory:
    """The history under the id of the run that it is of, as a worker is given it.

    A run that a reset made begins with its base's events, whose run id the replayer takes for this
    one's. A saga that was reset undoes more than another, so it would seem to differ.
    """
    resets = [event for event in history.events if _read_failure(event).cause == RESET]
    if not resets:
        return history
    first = HistoryEvent()
    first.CopyFrom(history.events[0])
    started = first.workflow_execution_started_event_attributes
    started.original_execution_run_id = _read_failure(resets[-1]).new_run_id
    return WorkflowHistory(history.workflow_id, [first, *history.events[1:]])


def _read_failure(event: HistoryEvent) -> Any:
    return event.workflow_task_failed_event_attributes
