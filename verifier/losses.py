"""A workflow worker that is lost at every task, with all that it has decided there.

The server never hears of the decisions and gives the task to a worker that knows nothing, which
replays the workflow and decides again. A worker that dies looks the same, only later: here the
loss is reported at once instead of after the task's time-out.
"""

from collections import Counter
from collections.abc import Callable

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails

Activate = Callable[[WorkflowActivation], WorkflowActivationCompletion]


class LosingRunner(UnsandboxedWorkflowRunner):
    """Loses each task once. `losses` counts them, by workflow id."""

    def __init__(self) -> None:
        self._lost: set[str] = set()
        self.losses: Counter[str] = Counter()

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance whose decisions get lost."""
        instance = super().create_instance(det)
        decide = instance.activate

        def activate(activation: WorkflowActivation) -> WorkflowActivationCompletion:
            decided = decide(activation)
            if not self._loses(activation):
                return decided
            self.losses[det.info.workflow_id] += 1
            return _loss(activation)

        setattr(instance, "activate", activate)  # noqa: B010 - mypy knows it as a method
        return instance

    def _loses(self, activation: WorkflowActivation) -> bool:
        """Replayed decisions are known to the server; queries and evictions decide nothing."""
        idle = {"query_workflow", "remove_from_cache"}
        if activation.is_replaying or {it.WhichOneof("variant") for it in activation.jobs} <= idle:
            return False
        if activation.run_id in self._lost:
            self._lost.remove(activation.run_id)
            return False
        self._lost.add(activation.run_id)
        return True


def _loss(activation: WorkflowActivation) -> WorkflowActivationCompletion:
    lost = WorkflowActivationCompletion(run_id=activation.run_id)
    lost.failed.failure.message = "this worker is lost"
    lost.failed.failure.application_failure_info.SetInParent()
    return lost
