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

from saga.verify.kinds import CancelSource

Activate = Callable[[WorkflowActivation], WorkflowActivationCompletion]
ScheduledActivities = dict[
    int, str
]  # what a workflow has asked for: the activity's name, by its number
Decision = tuple[str, frozenset[tuple[str, str]]]

IDLE = {"query_workflow", "remove_from_cache"}
CANCEL_JOBS = {CancelSource.TEMPORAL: "cancel_workflow", CancelSource.CUSTOMER: "do_update"}


class LostTasks:
    """Which tasks get lost. `count` counts them, by workflow id."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self._lost: set[Decision] = set()
        self._to_lose: dict[str, tuple[CancelSource | None, int]] = {}
        self._cancelled: set[str] = set()  # runs that know of a cancel by Temporal

    def lose_until(self, workflow_id: str, until: CancelSource | None, number: int = 1) -> None:
        """Lose this workflow's next task; or all, until one knows of so many such cancels."""
        self._to_lose[workflow_id] = until, number

    def loses(
        self,
        workflow_id: str,
        activation: WorkflowActivation,
        scheduled: ScheduledActivities,
        *,
        every: bool,
    ) -> bool:
        """Whether this one is lost. Of `every` decision the first attempt is.

        Replayed decisions are known to the server; queries and evictions decide nothing.
        """
        names = [str(job.WhichOneof("variant")) for job in activation.jobs]
        if CANCEL_JOBS[CancelSource.TEMPORAL] in names:
            self._cancelled.add(activation.run_id)
        if activation.is_replaying or IDLE.issuperset(names):
            return False
        lost = self._strikes(workflow_id, activation.run_id, names) or (
            every and self._first(activation, scheduled)
        )
        self.count[workflow_id] += lost
        return lost

    def _strikes(self, workflow_id: str, run_id: str, names: Sequence[str]) -> bool:
        if workflow_id not in self._to_lose:
            return False
        until, number = self._to_lose[workflow_id]
        comes = until is not None and names.count(CANCEL_JOBS[until]) >= number
        if until is CancelSource.TEMPORAL and run_id in self._cancelled and not comes:
            until = None  # Temporal cancels a run once: no second one will come
        if until is None or comes:
            del self._to_lose[workflow_id]
        return not comes

    def _first(self, activation: WorkflowActivation, scheduled: ScheduledActivities) -> bool:
        """Whether these jobs have not been lost yet."""
        jobs = frozenset(_job(job, scheduled) for job in activation.jobs)
        decision = (activation.run_id, jobs)
        first = decision not in self._lost
        self._lost.add(decision)
        return first


class TaskLosingRunner(UnsandboxedWorkflowRunner):
    """Runs workflows, and loses the tasks that `lost_tasks` names."""

    def __init__(self, lost_tasks: LostTasks, *, every: bool = False) -> None:
        self._lost_tasks = lost_tasks
        self._every = every

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance whose decisions may get lost."""
        instance = super().create_instance(det)
        decide, scheduled, workflow_id = (
            instance.activate,
            ScheduledActivities(),
            det.info.workflow_id,
        )

        def activate(activation: WorkflowActivation) -> WorkflowActivationCompletion:
            decided = decide(activation)
            lost = self._lost_tasks.loses(workflow_id, activation, scheduled, every=self._every)
            scheduled.update(_activities(decided))
            return _loss(activation) if lost else decided

        setattr(instance, "activate", activate)  # noqa: B010 - mypy knows it as a method
        return instance


def _job(job: WorkflowActivationJob, scheduled: ScheduledActivities) -> tuple[str, str]:
    """What a job is about, the same whenever it comes again.

    An activity's number alone would not tell: a saga that knows of a cancel when it begins anew
    numbers other activities by it.
    """
    name = str(job.WhichOneof("variant"))
    body = getattr(job, name)
    if name == "resolve_activity":
        return name, f"{body.seq} {scheduled[body.seq]}"
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
