"""A workflow worker that is lost at a task, with all that it has decided and done there.

The server never hears of the decisions and gives the task to a worker that knows nothing, which
replays the workflow and decides again. A worker that dies looks the same, only later: here a task's
first loss is reported at once. The SDK reports no further one, so the server waits for the task's
time-out (`SOON` in `run.py`). On the fast path, activities run within a task: each one that has
ended is a moment of its own to be lost at.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from temporalio.bridge.proto.workflow_activation import (
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails

from saga.verify.kinds import Way

Activate = Callable[[WorkflowActivation], WorkflowActivationCompletion]
Asked = dict[int, str]  # what a workflow has asked for: the activity's name, by its number
Decision = tuple[str, frozenset[tuple[str, str]]]

IDLE = {"query_workflow", "remove_from_cache"}
ASKED = {Way.TEMPORAL: "cancel_workflow", Way.CUSTOMER: "do_update"}


class Losses:
    """Which tasks get lost. `count` counts them, by workflow id."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self._taken: set[Decision] = set()
        self._doomed: dict[str, tuple[Way | None, int]] = {}

    def doom(self, workflow_id: str, until: Way | None, number: int = 1) -> None:
        """Lose this workflow's next task; or all, until one knows of so many such cancels."""
        self._doomed[workflow_id] = until, number

    def takes(
        self, workflow_id: str, activation: WorkflowActivation, asked: Asked, *, every: bool
    ) -> bool:
        """Whether this one is lost. Of `every` decision the first attempt is.

        Replayed decisions are known to the server; queries and evictions decide nothing.
        """
        names = [str(job.WhichOneof("variant")) for job in activation.jobs]
        if activation.is_replaying or IDLE.issuperset(names):
            return False
        lost = self._strikes(workflow_id, names) or (every and self._first(activation, asked))
        self.count[workflow_id] += lost
        return lost

    def _strikes(self, workflow_id: str, names: Sequence[str]) -> bool:
        if workflow_id not in self._doomed:
            return False
        until, number = self._doomed[workflow_id]
        comes = until is not None and names.count(ASKED[until]) >= number
        if until is None or comes:
            del self._doomed[workflow_id]
        return not comes

    def _first(self, activation: WorkflowActivation, asked: Asked) -> bool:
        """Whether these jobs have not been lost yet."""
        jobs = frozenset(_job(job, asked) for job in activation.jobs)
        decision = (activation.run_id, jobs)
        first = decision not in self._taken
        self._taken.add(decision)
        return first


class LosingRunner(UnsandboxedWorkflowRunner):
    """Runs workflows, and loses the tasks that its losses take."""

    def __init__(self, losses: Losses, *, every: bool = False) -> None:
        self._losses = losses
        self._every = every

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance whose decisions may get lost."""
        instance = super().create_instance(det)
        decide, asked, workflow_id = instance.activate, Asked(), det.info.workflow_id

        def activate(activation: WorkflowActivation) -> WorkflowActivationCompletion:
            decided = decide(activation)
            lost = self._losses.takes(workflow_id, activation, asked, every=self._every)
            asked.update(_activities(decided))
            return _loss(activation) if lost else decided

        setattr(instance, "activate", activate)  # noqa: B010 - mypy knows it as a method
        return instance


def _job(job: WorkflowActivationJob, asked: Asked) -> tuple[str, str]:
    """What a job is about, the same whenever it comes again.

    An activity's number alone would not tell: a saga that knows of a cancel when it begins anew
    numbers other activities by it.
    """
    name = str(job.WhichOneof("variant"))
    body = getattr(job, name)
    if name == "resolve_activity":
        return name, f"{body.seq} {asked[body.seq]}"
    return name, str(getattr(body, "seq", "") or getattr(body, "id", ""))


def _activities(decided: WorkflowActivationCompletion) -> Iterator[tuple[int, str]]:
    for command in decided.successful.commands:
        name = str(command.WhichOneof("variant"))
        if name in {"schedule_activity", "schedule_local_activity"}:
            body = getattr(command, name)
            yield body.seq, body.activity_type


def _loss(activation: WorkflowActivation) -> WorkflowActivationCompletion:
    lost = WorkflowActivationCompletion(run_id=activation.run_id)
    lost.failed.failure.message = "this worker is lost"
    lost.failed.failure.application_failure_info.SetInParent()
    return lost
