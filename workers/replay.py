"""A replayer of our workflows: the same code, sandbox and converter as the workers have."""

from itertools import chain

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from workers.queues import HOUSEKEEPING, WORKFLOWS
from workers.sandbox import runner_for


def replayer() -> Replayer:
    """It knows all our workflows, and touches neither Temporal nor a service."""
    return Replayer(
        workflows=list(chain(*WORKFLOWS.values(), *HOUSEKEEPING.values())),
        workflow_runner=runner_for(pydantic_data_converter),
        data_converter=pydantic_data_converter,
    )
