"""How our workflows are run: quickly, or under Temporal's guards against what breaks a replay.

The guards cost an eighth of a workflow's CPU time, even with all modules passed through them
(docs/performance.md): within them each `isinstance` is a function of Python, in all threads. So
replays have them, of all histories that we keep, before a change lands; workers do not.
"""

from collections.abc import Callable
from typing import Any

from temporalio.api.enums.v1 import CommandType
from temporalio.bridge.proto.workflow_activation import RemoveFromCache, WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import (
    DataConverter,
    SerializationContext,
    StorageDriverStoreContext,
    WorkflowSerializationContext,
)
from temporalio.worker import (
    UnsandboxedWorkflowRunner,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowRunner,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from infrastructure.temporal.payload_codec import EncryptionCodec

ENDING = RemoveFromCache.EvictionReason.WORKFLOW_EXECUTION_ENDING

ELSEWHERE = {
    CommandType.COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION,
    CommandType.COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION,
    CommandType.COMMAND_TYPE_SCHEDULE_NEXUS_OPERATION,
}
# Imported once, and not anew for each workflow, though under guards.
PASSTHROUGH = ("activities", "contracts", "saga", "pydantic", "pydantic_core", "annotated_types")


NOWHERE = StorageDriverStoreContext(target=None)


class PlainRunner(UnsandboxedWorkflowRunner):
    """Does not ask the workflow, for each payload that it sends, in which context to encode it.

    Only a codec or a converter that depends on the workflow would use the answer. Nor does anybody
    ask where to store a large payload: there is no such store.
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance that knows of no context."""
        return _answering(super().create_instance(det), lambda _: None)


class BoundRunner(UnsandboxedWorkflowRunner):
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


class TellingRunner(WorkflowRunner):
    """Runs workflows by another runner, and tells of each that has closed, by its id.

    It is told when Temporal has the end on record: the SDK drops a workflow from its cache then.
    """

    def __init__(self, inner: WorkflowRunner, closed: Callable[[str], None]) -> None:
        self._inner = inner
        self._closed = closed

    def prepare_workflow(self, defn: Any) -> None:
        """As the other one does."""
        self._inner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance whose end is told."""
        instance = self._inner.create_instance(det)
        activate, continues = instance.activate, False

        def tell(activation: WorkflowActivation) -> WorkflowActivationCompletion:
            nonlocal continues
            completion = activate(activation)
            if any(job.remove_from_cache.reason == ENDING for job in activation.jobs):
                if not continues:
                    self._closed(det.info.workflow_id)
            else:
                commands = completion.successful.commands
                continues = any(
                    command.HasField("continue_as_new_workflow_execution") for command in commands
                )
            return completion

        setattr(instance, "activate", tell)  # noqa: B010 - mypy knows it as a method
        return instance


def runner_for(converter: DataConverter, *, strict: bool = False) -> WorkflowRunner:
    """What runs workflows whose payloads go through this converter.

    `strict`: our workflows' own modules are imported anew for each of them, and not let do what is
    not deterministic, such as reading the clock. That takes 5 ms a workflow and more, so it is for
    those who look for such faults.
    """
    if strict:
        guards = SandboxRestrictions.default.with_passthrough_modules(*PASSTHROUGH)
        return SandboxedWorkflowRunner(restrictions=guards)
    kinds = {type(None): PlainRunner, EncryptionCodec: BoundRunner}
    return kinds.get(type(converter.payload_codec), UnsandboxedWorkflowRunner)()


def _answering(
    instance: WorkflowInstance, answer: Callable[[Any], SerializationContext | None]
) -> WorkflowInstance:
    setattr(instance, "get_serialization_context", answer)  # noqa: B010 - mypy knows a method
    setattr(instance, "get_external_store_context", lambda _: NOWHERE)  # noqa: B010 - likewise
    return instance
