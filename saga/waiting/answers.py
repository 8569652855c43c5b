"""Waits for persons and partners, and takes what they answer.

An answer comes when it comes, maybe twice, and maybe again after a reset, when Temporal repeats
what the earlier run was sent. The first one counts, in every life of the saga.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from saga.definition import PlannedStep
from saga.earlier_runs import EarlierRuns, has_earlier_run
from saga.messages import rejection
from saga.progress import Progress
from saga.step import AwaitedAnswer, Refusal, Step
from saga.view import SagaState, StepState, WaitView

SHORTLY = timedelta(milliseconds=1)  # any timer ends the workflow's task
BEGUN = {StepState.RUNNING, StepState.WAITING, StepState.BLOCKED}  # its request may be open


class Answers:
    """What each step that waits was answered (`given`), and since when it waits; both in `runs`."""

    def __init__(
        self, plan: Mapping[str, PlannedStep], progress: Progress, runs: EarlierRuns
    ) -> None:
        self._waits = {name: step.awaits for name, (step, _) in plan.items() if step.awaits}
        self._progress = progress
        self._since, self.given = runs.since, runs.answers
        for name, waits in self._waits.items():
            if name in self.given:
                self.given[name] = _read_earlier(name, self.given[name], waits)

    def check(
        self, name: str, answer: Any, *, over: bool, early: bool = False
    ) -> tuple[Any, Refusal | None]:
        """The answer, as its type has it, and if it undoes the saga.

        ApplicationError if it cannot be taken. `over`: the saga is being undone. `early`: it is
        kept if there is no request yet. So is what a run is sent that another one came before,
        which may have opened it.
        """
        if (waits := self._waits.get(name)) is None:
            those = ", ".join(self._waits) or "none"
            raise _refuse_answer(
                "NoSuchWait", f"no step {name} waits for an answer; those that do: {those}"
            )
        answer, state = _read(answer, waits), self._progress.state_of(name)
        pending = state is StepState.PENDING
        if name in self.given:
            if answer != self.given[name]:
                detail = f"{name} was answered otherwise, and that counts: cancel the saga instead"
                raise _refuse_answer("AnsweredOtherwise", detail)
        elif over or not (pending or state in BEGUN):
            detail = f"{name} does not wait any more: look at how the saga went on"
            raise _refuse_answer("NotWaitingAnyMore", detail)
        elif pending and not (early or has_earlier_run()):
            detail = f"{name} does not wait yet: answer again when its request is open"
            raise _refuse_answer("NotWaitingYet", detail)
        return answer, waits.decide(answer)

    def take(self, name: str, answer: Any, *, over: bool, early: bool = False) -> Refusal | None:
        """Take an answer that `check` lets pass."""
        self.given[name], refusal = self.check(name, answer, over=over, early=early)
        return refusal

    async def wait(self, step: Step[Any, Any], waits: AwaitedAnswer) -> None:
        """Until the open request is answered. ApplicationError if it is refused, or time is up."""
        since = self._since.setdefault(step.name, workflow.now().isoformat())
        until = datetime.fromisoformat(since) + waits.within
        if step.name not in self.given:
            wait = WaitView(waits.what, since, until.isoformat())
            self._progress.mark(step, StepState.WAITING, waiting=wait)
            left = max(until - workflow.now(), SHORTLY)
            await wait_visibly(
                self._progress,
                lambda: step.name in self.given,
                left,
                f"{step.name}: {waits.what}",
            )
        if step.name not in self.given:
            raise ApplicationError(f"waited {waits.within} for {waits.what}")
        if (refusal := waits.decide(self.given[step.name])) is not None:
            raise rejection(refusal.code, refusal.detail)


async def wait_visibly(
    progress: Progress,
    is_answered: Callable[[], bool],
    left: timedelta,
    summary: str,
    *,
    shown: bool = False,
) -> None:
    """Until then, or until so much time has gone by.

    The saga shows that it waits once nothing else is at work, unless it is `shown` already.
    """
    timer = asyncio.create_task(workflow.sleep(left, summary=summary))

    def is_over() -> bool:
        return is_answered() or timer.done()

    try:
        await workflow.wait_condition(lambda: is_over() or progress.is_only_waiting())
        if not (is_over() or shown):
            progress.enter(SagaState.WAITING)
            progress.flush()
        await workflow.wait_condition(is_over)
    finally:
        timer.cancel()


def _read(answer: Any, waits: AwaitedAnswer) -> Any:
    """An answer as its type has it, whoever brought it. ApplicationError if it is none."""
    try:
        converter = workflow.payload_converter()
        raw = isinstance(answer, RawValue)
        payload = answer.payload if raw else converter.to_payload(answer)
        return converter.from_payload(payload, waits.answer)
    except Exception as error:  # whatever a converter raises
        detail = f"this is no {getattr(waits.answer, '__name__', waits.answer)}: {error}"
        raise _refuse_answer("UnreadableAnswer", detail) from error


def _read_earlier(name: str, answer: Any, waits: AwaitedAnswer) -> Any:
    """What an earlier life was answered. ValueError, which ends the task and not the saga."""
    try:
        return _read(answer, waits)
    except ApplicationError as error:
        raise ValueError(f"{name} was answered in an earlier life, and {error}") from error


def _refuse_answer(code: str, detail: str) -> ApplicationError:
    return ApplicationError(detail, type=code, non_retryable=True)
