"""Temporal's workflow sandbox for our workflows, without what it does in vain."""

from temporalio.converter import DataConverter
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PASSTHROUGH = ("activities", "contracts", "saga", "pydantic", "pydantic_core", "annotated_types")


class PlainRunner(SandboxedWorkflowRunner):
    """Does not ask the workflow, for each payload that it sends, in which context to encode it.

    The question goes through the sandbox, and took a sixth of a worker's time. Only a codec or a
    converter that depends on the workflow would use the answer (docs/performance.md).
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance that knows of no context."""
        instance = super().create_instance(det)
        setattr(instance, "get_serialization_context", _none)  # noqa: B010 - mypy knows a method
        return instance


def runner_for(converter: DataConverter) -> SandboxedWorkflowRunner:
    """The sandbox for workflows whose payloads go through this converter."""
    kind = PlainRunner if converter.payload_codec is None else SandboxedWorkflowRunner
    return kind(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSTHROUGH))


def _none(_: object) -> None:
    """No context."""
