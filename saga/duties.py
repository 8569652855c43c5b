"""All duties of one saga: what is parked, what operators say of it, and telling for the record."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import Priority
from temporalio.exceptions import ApplicationError

from saga.attempts import Attempts, What
from saga.journal import Journal
from saga.parking import Duty, Resolution, Resolving
from saga.step import Step
from saga.view import SagaState, StepState

R = TypeVar("R")

# Metrics of the workers, by workflow type and step: how often. `SagaState` tells which are so now.
BLOCKED, UNBLOCKED = "saga_steps_blocked", "saga_steps_unblocked"


@dataclass(frozen=True)
class Notice:
    """Something for the record: a step was parked (`blocked` says why), or is so no longer.

    `number` counts the saga's notices; `still_blocked` tells whether another step is parked.
    """

    number: int
    step: str
    blocked: str | None
    still_blocked: bool
    resolution: Resolution | None = None


Notify = Callable[[Notice], Coroutine[Any, Any, None]]


class Duties:
    """Makes duties, and hears when they park. `notify` is awaited for each Notice, in order."""

    def __init__(self, journal: Journal, attempts: Attempts, notify: Notify | None) -> None:
        self._journal = journal
        self._attempts = attempts
        self._notify = notify
        self._duties: dict[str, Duty] = {}
        self._notices: list[asyncio.Task[None]] = []

    def new(
        self,
        step: Step[Any, Any],
        what: What,
        *args: Any,
        priority: Priority = Priority.default,
        refusable: bool = False,
    ) -> Duty:
        """A duty of this step, which is the one that operators speak of from now on."""
        duty = Duty(
            step, what, args, self._attempts, self._changed, priority=priority, refusable=refusable
        )
        self._duties[step.name] = duty
        return duty

    def check(self, resolution: Resolution) -> None:
        """ApplicationError if this cannot be said of this step."""
        duty = self._duties.get(resolution.step)
        if duty is None or duty.parked is None:
            raise ApplicationError(f"step {resolution.step} is not blocked", type="NotBlocked")
        if resolution.action is Resolving.RETRY:
            return
        if duty.refusable:
            raise ApplicationError("the pivot can only be retried", type="RetryOnly")
        if not resolution.evidence.strip():
            raise ApplicationError(f"{resolution.action} needs evidence", type="EvidenceMissing")

    def resolve(self, resolution: Resolution) -> None:
        """Take an operator's word that `check` let pass."""
        self._duties[resolution.step].resolve(resolution)

    async def told(self) -> None:
        """Until everything is on record."""
        await results(self._notices)

    def _changed(self, duty: Duty) -> None:
        """A duty parked, or is parked no longer: show it, and have it put on record."""
        undoing = self._journal.phase is SagaState.COMPENSATING
        before = StepState.COMPENSATING if undoing else StepState.RUNNING
        self._journal.mark(duty.step, StepState.BLOCKED if duty.parked else before, duty.parked)
        counter = workflow.metric_meter().create_counter(BLOCKED if duty.parked else UNBLOCKED)
        counter.add(1, {"step": duty.step.name})
        blocked = any(it.parked for it in self._duties.values())
        self._journal.enter(SagaState.BLOCKED if blocked else self._journal.phase)
        self._journal.flush()
        if self._notify is not None:
            number = len(self._notices) + 1
            notice = Notice(number, duty.step.name, duty.parked, blocked, duty.resolution)
            telling = self._tell(self._notify, notice, self._notices[-1:])
            self._notices.append(asyncio.create_task(telling))

    async def _tell(
        self, notify: Notify, notice: Notice, earlier: list[asyncio.Task[None]]
    ) -> None:
        """One notice after the other, so that the record has them in order."""
        await results(earlier)
        await notify(notice)


async def results(tasks: Iterable[asyncio.Task[R]]) -> list[R]:
    """The results of all, when all have ended."""
    if waiting := list(tasks):
        await workflow.wait(waiting)
    return [task.result() for task in waiting]
