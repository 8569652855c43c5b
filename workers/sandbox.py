"""Temporal's workflow sandbox for our workflows, without what it does in vain."""

from collections.abc import Callable
from typing import Any

from temporalio.api.enums.v1 import CommandType
from temporalio.converter import (
    DataConverter,
    SerializationContext,
    StorageDriverStoreContext,
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
# Imported once, and not anew for each workflow.
PASSTHROUGH = ("activities", "contracts", "saga", "pydantic", "pydantic_core", "annotated_types")


NOWHERE = StorageDriverStoreContext(target=None)


class PlainRunner(SandboxedWorkflowRunner):
    """Does not ask the workflow, for each payload that it sends, in which context to encode it.

    The question goes through the sandbox, and took a sixth of a worker's time. Only a codec or a
    converter that depends on the workflow would use the answer (docs/performance.md). Nor does
    anybody ask where to store a large payload: there is no such store.
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


def runner_for(converter: DataConverter, *, strict: bool = False) -> SandboxedWorkflowRunner:
    """The sandbox for workflows whose payloads go through this converter.

    `strict`: our workflows' own modules are imported anew for each of them, and not let do what is
    not deterministic. That takes 5 ms a workflow, so it is for those who look for such faults: the
    replays of all histories that we keep, before a change lands.
    """
    known = PASSTHROUGH if strict else (*PASSTHROUGH, "workflows")
    kinds = {type(None): PlainRunner, EncryptionCodec: BoundRunner}
    kind = kinds.get(type(converter.payload_codec), SandboxedWorkflowRunner)
    return kind(restrictions=SandboxRestrictions.default.with_passthrough_modules(*known))


def _answering(
    instance: WorkflowInstance, answer: Callable[[Any], SerializationContext | None]
) -> WorkflowInstance:
    setattr(instance, "get_serialization_context", answer)  # noqa: B010 - mypy knows a method
    setattr(instance, "get_external_store_context", lambda _: NOWHERE)  # noqa: B010 - likewise
    return instance
