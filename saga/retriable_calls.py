"""All duties of one saga: what is parked, what operators say of it, and telling for the record."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import Priority
from temporalio.exceptions import ApplicationError

from saga.activity_execution import Attempts, What
from saga.earlier_runs import is_later_run
from saga.progress import Journal
from saga.retriable import QUESTIONS, WORDS_ON_RECORD, Resolution, Resolving, RetriableCall, Role
from saga.step import Step, StepKind
from saga.view import SagaState, StepState

R = TypeVar("R")

# Metrics of the workers, by workflow type and step: how often. `SagaState` tells which are so now.
BLOCKED, UNBLOCKED = "saga_steps_blocked", "saga_steps_unblocked"


@dataclass(frozen=True)
class BlockedStepEvent:
    """Something for the record: a step was parked (`blocked` says why), or is so no longer.

    `number` counts the notices of this run; `still_blocked` tells whether another step is parked.
    """

    number: int
    step: str
    role: Role
    blocked: str | None
    still_blocked: bool
    resolution: Resolution | None = None


OnBlocked = Callable[[BlockedStepEvent], Coroutine[Any, Any, None]]
LoadResolutions = Callable[[], Coroutine[Any, Any, Sequence[Resolution]]]


class RetriableCalls:
    """Makes them, and hears when they park. `on_blocked` is awaited for each event, in order."""

    def __init__(
        self,
        journal: Journal,
        attempts: Attempts,
        on_blocked: OnBlocked | None,
        load_resolutions: LoadResolutions | None,
        *,
        later: bool,
    ) -> None:
        self._journal = journal
        self._attempts = attempts
        self._on_blocked = on_blocked
        self._duties: dict[tuple[str, Role], RetriableCall] = {}
        self._notices: list[asyncio.Task[None]] = []
        self._load_resolutions, self._later = load_resolutions, later
        self._recalled: asyncio.Task[Sequence[Resolution]] | None = None

    def new(
        self,
        step: Step[Any, Any],
        role: Role,
        what: What,
        *args: Any,
        priority: Priority = Priority.default,
        refusable: bool = False,
    ) -> RetriableCall:
        """A duty of this step, of which operators may speak from now on."""
        is_settled_by_words = not refusable and role not in QUESTIONS
        duty = RetriableCall(
            step,
            role,
            what,
            args,
            self._attempts,
            self._changed,
            priority=priority,
            refusable=refusable,
            recall=partial(self._said_before, step, role) if is_settled_by_words else None,
        )
        self._duties[step.name, role] = duty
        return duty

    def check(self, resolution: Resolution) -> None:
        """ApplicationError if this cannot be said of this step."""
        duty = self._parked(resolution)
        if duty is None:
            raise ApplicationError(f"step {resolution.step} is not blocked", type="NotBlocked")
        if duty.word is not None:
            detail = f"{duty.word.who} has just said {duty.word.action} of it; look again"
            raise ApplicationError(detail, type="AlreadyResolved")
        if resolution.action not in duty.words():
            detail = f"the {duty.role} of {resolution.step} can only be retried"
            raise ApplicationError(detail, type="RetryOnly")
        if resolution.action is not Resolving.RETRY and not resolution.evidence.strip():
            raise ApplicationError(f"{resolution.action} needs evidence", type="EvidenceMissing")

    async def resolve(self, resolution: Resolution) -> None:
        """Take an operator's word that `check` let pass; returns when it is on record.

        Whoever is told that it was taken may rely on it in every life of the saga.
        """
        if (duty := self._parked(resolution)) is None:
            return
        duty.word = resolution
        if workflow.patched(WORDS_ON_RECORD):
            await workflow.wait_condition(lambda: duty.word is None)
            await self.told()

    async def told(self) -> None:
        """Until everything is on record."""
        await results(self._notices)

    def is_waiting(self) -> bool:
        """Whether a step is parked, with nothing said and nothing still to be put on record."""
        parked = [duty for duty in self._duties.values() if duty.parked is not None]
        all_told = all(notice.done() for notice in self._notices)
        return all_told and bool(parked) and all(duty.word is None for duty in parked)

    def _parked(self, resolution: Resolution) -> RetriableCall | None:
        for (step, role), duty in self._duties.items():
            named = step == resolution.step and resolution.role in {None, role}
            if named and duty.parked is not None:
                return duty
        return None

    async def _said_before(self, step: Step[Any, Any], role: Role, when: str) -> Resolution | None:
        """The word of an earlier life: it stands, so this is asked as late as can be.

        An old word does not say of what. Of a pivot it was maybe said in the place of its fence's
        answer, and does not count; of any other step it can be of one thing only.
        """
        asked = f"recall, as {step.name}'s {role} {when}"
        if self._load_resolutions is None or not (self._later or is_later_run(asked)):
            return None
        if self._recalled is None:
            self._recalled = asyncio.create_task(self._load_resolutions())
        await workflow.wait([self._recalled])
        words = {(word.step, word.role): word for word in self._recalled.result()}
        usual = Role.ACTION if step.compensation is None else Role.COMPENSATION
        said = words.get((step.name, role))
        if said is None and role is usual and step.kind is not StepKind.PIVOT:
            said = words.get((step.name, None))
        return said

    def _changed(self, duty: RetriableCall) -> None:
        """A duty parked, or is parked no longer: show it, and have it put on record."""
        undoing = self._journal.phase is SagaState.COMPENSATING
        before = StepState.COMPENSATING if undoing else StepState.RUNNING
        self._journal.mark(duty.step, StepState.BLOCKED if duty.parked else before, duty.parked)
        self._journal.offer(duty.step, duty.role if duty.parked else None, duty.words())
        if not (duty.parked and duty.unrecorded):  # that it is tried again changes nothing yet
            counter = workflow.metric_meter().create_counter(BLOCKED if duty.parked else UNBLOCKED)
            counter.add(1, {"step": duty.step.name})
        blocked = any(it.parked for it in self._duties.values())
        self._journal.enter(SagaState.BLOCKED if blocked else self._journal.phase)
        self._journal.flush()
        if self._on_blocked is not None:
            number = len(self._notices) + 1
            said, duty.unrecorded = duty.unrecorded, None
            notice = BlockedStepEvent(number, duty.step.name, duty.role, duty.parked, blocked, said)
            telling = self._tell(self._on_blocked, notice, self._notices[-1:])
            self._notices.append(asyncio.create_task(telling))
        elif workflow.patched("a-parked-step-leaves-an-event"):
            # A task that leaves none is handed to a worker that has forgotten the workflow together
            # with the next, and of one task Updates come first: a word would never find it parked.
            workflow.upsert_memo({"SagaBlocked": duty.step.name if duty.parked else None})

    async def _tell(
        self, on_blocked: OnBlocked, notice: BlockedStepEvent, earlier: list[asyncio.Task[None]]
    ) -> None:
        """One notice after the other, so that the record has them in order."""
        await results(earlier)
        await on_blocked(notice)


async def results(tasks: Iterable[asyncio.Task[R]]) -> list[R]:
    """The results of all, when all have ended."""
    if waiting := list(tasks):
        await workflow.wait(waiting)
    return [task.result() for task in waiting]
