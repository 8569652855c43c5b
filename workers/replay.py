"""A replayer of our workflows: the same code, sandbox and converter as the workers have."""

from itertools import chain

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workers.queues import PASSTHROUGH, WORKFLOWS


def replayer() -> Replayer:
    """It knows all our workflows, and touches neither Temporal nor a service."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSTHROUGH)
    return Replayer(
        workflows=list(chain.from_iterable(WORKFLOWS.values())),
        workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
        data_converter=pydantic_data_converter,
    )
