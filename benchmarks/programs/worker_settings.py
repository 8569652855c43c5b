"""Settings of workers that are measured beside the product's own, one changed at a time."""

import gc
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import (
    PollerBehavior,
    PollerBehaviorAutoscaling,
    PollerBehaviorSimpleMaximum,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workers.workflow_runner import PASSTHROUGH, runner_for

DEFAULT_STICKY = timedelta(seconds=10)  # of the SDK; ours is workers.queues.STICKY_TIMEOUT

# Arguments of a Worker, instead of the product's own.
Changed = Callable[[Client], Mapping[str, Any]]


def _pollers(behavior: PollerBehavior) -> Changed:
    return lambda _: {
        "workflow_task_poller_behavior": behavior,
        "activity_task_poller_behavior": behavior,
    }


def passed_through() -> SandboxedWorkflowRunner:
    """The sandbox, with nothing in it that it would have to import anew."""
    known = SandboxRestrictions.default.with_passthrough_modules(*PASSTHROUGH, "workflows")
    return SandboxedWorkflowRunner(restrictions=known)


def _freeze_garbage(_: Client) -> Mapping[str, Any]:
    """What is there when the work begins is not looked through for garbage any more."""
    gc.collect()
    gc.freeze()
    return {}


SETTINGS: Mapping[str, Changed] = {
    "as-it-is": lambda _: {},
    "not-eager": lambda _: {},  # the program starts sagas by a client without workers
    "sandbox-strict": lambda client: {
        "workflow_runner": runner_for(client.data_converter, strict=True)
    },
    "sandbox-passed-through": lambda _: {"workflow_runner": passed_through()},
    "two-pollers": _pollers(PollerBehaviorSimpleMaximum(2)),
    "pollers-by-load": _pollers(PollerBehaviorAutoscaling()),
    "four-local-slots": lambda _: {"max_concurrent_local_activities": 4},
    "hundred-local-slots": lambda _: {"max_concurrent_local_activities": 100},
    "cache-none": lambda _: {"max_cached_workflows": 0},
    "gc-frozen": _freeze_garbage,
    "sticky-ten-seconds": lambda _: {"sticky_queue_schedule_to_start_timeout": DEFAULT_STICKY},
    "hundred-slots": lambda _: {"max_concurrent_activities": 100},
    "eager-activities-off": lambda _: {"disable_eager_activity_execution": True},
}
# Measured without the fast path too; those of activities on queues only there.
ONLY_ON_QUEUES = ("hundred-slots", "eager-activities-off")
ON_QUEUES = ("as-it-is", "cache-none", "sticky-ten-seconds", *ONLY_ON_QUEUES)
