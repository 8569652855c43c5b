"""Temporal's workflow sandbox for our workflows, without what it does in vain."""

from collections.abc import Callable
from typing import Any

from temporalio.api.enums.v1 import CommandType
from temporalio.converter import (
    DataConverter,
    SerializationContext,
    WorkflowSerializationContext,
)
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from infrastructure.codec.payloads import EncryptionCodec

ELSEWHERE = {
    CommandType.COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION,
    CommandType.COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION,
    CommandType.COMMAND_TYPE_SCHEDULE_NEXUS_OPERATION,
}
PASSTHROUGH = ("activities", "contracts", "saga", "pydantic", "pydantic_core", "annotated_types")


class PlainRunner(SandboxedWorkflowRunner):
    """Does not ask the workflow, for each payload that it sends, in which context to encode it.

    The question goes through the sandbox, and took a sixth of a worker's time. Only a codec or a
    converter that depends on the workflow would use the answer (docs/performance.md).
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance that knows of no context."""
        return _answering(super().create_instance(det), lambda _: None)


class BoundRunner(SandboxedWorkflowRunner):
    """Says without asking that a payload belongs to the workflow, which is all our codec wants.

    What goes to another workflow belongs there, which the workflow is asked for.
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance that knows its own id."""
        instance = super().create_instance(det)
        ours = WorkflowSerializationContext(det.info.namespace, det.info.workflow_id)
        ask = instance.get_serialization_context

        def answer(command: Any) -> SerializationContext | None:
            return ask(command) if command and command.command_type in ELSEWHERE else ours

        return _answering(instance, answer)


def runner_for(converter: DataConverter) -> SandboxedWorkflowRunner:
    """The sandbox for workflows whose payloads go through this converter."""
    kinds = {type(None): PlainRunner, EncryptionCodec: BoundRunner}
    kind = kinds.get(type(converter.payload_codec), SandboxedWorkflowRunner)
    return kind(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSTHROUGH))


def _answering(
    instance: WorkflowInstance, answer: Callable[[Any], SerializationContext | None]
) -> WorkflowInstance:
    setattr(instance, "get_serialization_context", answer)  # noqa: B010 - mypy knows a method
    return instance
