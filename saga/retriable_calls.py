"""All retriable calls of one saga: what is parked, what operators say of it, and its record."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from saga.activity_execution import ActivityExecutor
from saga.earlier_runs import has_earlier_run_by
from saga.messages import BlockedStepEvent, Resolution, Resolving, Role
from saga.progress import Progress
from saga.retriable import WORDS_ON_RECORD, RetriableCall
from saga.step import Step, StepKind
from saga.view import StepState

R = TypeVar("R")
OnBlocked = Callable[[BlockedStepEvent], Coroutine[Any, Any, None]]
LoadResolutions = Callable[[], Coroutine[Any, Any, Sequence[Resolution]]]

# Metrics of the workers, by workflow type and step: how often. `SagaState` tells which are so now.
BLOCKED, UNBLOCKED = "saga_steps_blocked", "saga_steps_unblocked"


@dataclass(eq=False)
class RetriableCalls:
    """All of one saga: what is parked, what operators say of it, and what is put on record.

    `on_blocked` is awaited for each event, in order. `later`: the saga is said to have run before;
    then `load_resolutions` answers with what operators said of it.
    `words_first`: what follows a step that an operator resolved waits until that is on record.
    """

    executor: ActivityExecutor
    progress: Progress
    on_blocked: OnBlocked | None
    load_resolutions: LoadResolutions | None
    later: bool
    words_first: bool
    _calls: dict[tuple[str, Role], RetriableCall] = field(default_factory=dict, init=False)
    _reports: int = field(default=0, init=False)
    _last_report: list["asyncio.Task[None]"] = field(default_factory=list, init=False)
    _loaded: "asyncio.Task[Sequence[Resolution]] | None" = field(default=None, init=False)

    def add(
        self, step: Step[Any, Any], role: Role, *args: Any, refusable: bool = False
    ) -> RetriableCall:
        """A call of which operators may speak from now on."""
        earlier = self.find_earlier_resolution
        call = RetriableCall(self.executor, self.report, earlier, step, role, args, refusable)
        self._calls[step.name, role] = call
        return call

    async def run(self, call: RetriableCall, done: StepState) -> Any:
        """Its reply; its step is shown as this then, or as skipped if an operator said so."""
        reply = await call.run_until_done()
        if call.resolution is not None and self.words_first:
            await self.wait_until_recorded()
        skipped = call.resolution is not None and call.resolution.action is Resolving.SKIP
        self.progress.mark(call.step, StepState.SKIPPED if skipped else done)
        return reply

    def check(self, resolution: Resolution) -> None:
        """ApplicationError if this cannot be said of this step."""
        call = self._find_parked(resolution)
        if call is None:
            raise ApplicationError(f"step {resolution.step} is not blocked", type="NotBlocked")
        if call.word is not None:
            detail = f"{call.word.who} has just said {call.word.action} of it; look again"
            raise ApplicationError(detail, type="AlreadyResolved")
        if resolution.action not in call.allowed_words():
            detail = f"the {call.role} of {resolution.step} can only be retried"
            raise ApplicationError(detail, type="RetryOnly")
        if resolution.action is not Resolving.RETRY and not resolution.evidence.strip():
            raise ApplicationError(f"{resolution.action} needs evidence", type="EvidenceMissing")

    async def resolve(self, resolution: Resolution) -> None:
        """Take an operator's word that `check` let pass; returns when it is on record.

        Whoever is told that it was taken may rely on it in every run of the saga.
        """
        if (call := self._find_parked(resolution)) is None:
            return
        call.word = resolution
        if workflow.patched(WORDS_ON_RECORD):
            await workflow.wait_condition(lambda: call.word is None)
            await self.wait_until_recorded()

    async def wait_until_recorded(self) -> None:
        """Until everything is on record. The last report has waited for those before it."""
        await wait_for_all(self._last_report)

    def only_operators_can_go_on(self, *, at_rest: bool) -> bool:
        """Whether a step is parked, with nothing said and nothing still to be put on record.

        `at_rest`: nor with any attempt at work, whose answer would be lost.
        """
        parked = [call for call in self._calls.values() if call.parked is not None]
        if not parked or not all(report.done() for report in self._last_report):
            return False
        return all(call.word is None and (call.at_rest or not at_rest) for call in parked)

    def _find_parked(self, resolution: Resolution) -> RetriableCall | None:
        for (step, role), call in self._calls.items():
            named = step == resolution.step and resolution.role in {None, role}
            if named and call.parked is not None:
                return call
        return None

    async def find_earlier_resolution(self, call: RetriableCall, when: str) -> Resolution | None:
        """The word of an earlier run: it stands, so this is asked as late as can be.

        An old word does not say of what. Of a pivot it was maybe said in the place of its fence's
        answer, and does not count; of any other step it can be of one thing only.
        """
        step, role = call.step, call.role
        asked = f"recall, as {step.name}'s {role} {when}"
        if self.load_resolutions is None or not (self.later or has_earlier_run_by(asked)):
            return None
        if self._loaded is None:
            self._loaded = asyncio.create_task(self.load_resolutions())
        await workflow.wait([self._loaded])
        words = {(word.step, word.role): word for word in self._loaded.result()}
        usual = Role.ACTION if step.compensation is None else Role.COMPENSATION
        clear = role is usual and step.kind is not StepKind.PIVOT
        return words.get((step.name, role)) or (words.get((step.name, None)) if clear else None)

    def report(self, call: RetriableCall) -> None:
        """A call parked, or is parked no longer: show it, and have it put on record."""
        if not (call.parked and call.unrecorded):  # that it is retried changes nothing yet
            counter = workflow.metric_meter().create_counter(BLOCKED if call.parked else UNBLOCKED)
            counter.add(1, {"step": call.step.name})
        blocked = any(other.parked for other in self._calls.values())
        words = call.allowed_words()
        self.progress.mark_blocked(call.step, call.role, call.parked, words, still=blocked)
        if self.on_blocked is not None:
            self._reports += 1
            said, call.unrecorded = call.unrecorded, None
            step, number = call.step.name, self._reports
            event = BlockedStepEvent(number, step, call.role, call.parked, blocked, said)
            report = self._record(self.on_blocked, event, self._last_report)
            self._last_report = [asyncio.create_task(report)]
        else:
            # A task that leaves no event is handed to a worker that has forgotten the workflow
            # together with the next, and of one task Updates come first: a word would never find it
            # parked.
            workflow.upsert_memo({"SagaBlocked": call.step.name if call.parked else None})

    async def _record(
        self, on_blocked: OnBlocked, event: BlockedStepEvent, earlier: list["asyncio.Task[None]"]
    ) -> None:
        """One event after the other, so that the record has them in order."""
        await wait_for_all(earlier)
        await on_blocked(event)


async def wait_for_all(tasks: Iterable["asyncio.Task[R]"]) -> list[R]:
    """The results of all, when all have ended."""
    if waiting := list(tasks):
        await workflow.wait(waiting)
    return [task.result() for task in waiting]
