"""Keeps a saga's view, its search attributes and its page in the Temporal Web UI up to date."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from saga.step import Step, activity_name
from saga.stretch.messages import StretchReply
from saga.view import SagaState, SagaView, StepState, StepView, WaitView

SAGA_STATE = SearchAttributeKey.for_keyword("SagaState")
SAGA_STEP = SearchAttributeKey.for_keyword("SagaStep")
BEGINNINGS = {StepState.RUNNING, StepState.COMPENSATING}
FORWARD = {SagaState.RUNNING, SagaState.WAITING}
RESUMPTIONS = {StepState.RUNNING, StepState.DONE, StepState.SKIPPED}
ENDS = {StepState.DONE, StepState.FAILED, StepState.COMPENSATED, StepState.SKIPPED}


class Progress:
    """Writes down what the kernel does; it decides nothing.

    Each change of search attributes costs an event in history. `batched`: the latest of each is
    sent at `flush` only, as before an activity on a queue; else all are sent at once. Not
    `searchable`: those of the kernel are not sent at all.
    """

    def __init__(
        self, saga_id: str, steps: Sequence[Step[Any, Any]], *, batched: bool, searchable: bool
    ) -> None:
        self.view = SagaView(saga_id=saga_id, steps=[_view(step) for step in steps])
        self._views = {view.name: view for view in self.view.steps}
        self.phase = SagaState.RUNNING
        self._batched = batched
        self._searchable = searchable
        self._unsent: dict[str, SearchAttributeUpdate[Any]] = {}

    def mark(
        self,
        step: Step[Any, Any],
        state: StepState,
        error: str | None = None,
        waiting: WaitView | None = None,
        *,
        found_by: bool = True,
    ) -> None:
        """A step's new state. `found_by`: the saga is found by it, if it begins."""
        view, now = self._view_of(step), workflow.now().isoformat()
        view.state, view.error, view.waiting = state, error or view.error, waiting
        if state is StepState.RUNNING:
            view.started_at, view.finished_at = now, None
        elif state in ENDS:
            view.finished_at = now
        if state in BEGINNINGS and found_by:
            self._upsert_own(SAGA_STEP.value_set(step.name))
        resumes = state in RESUMPTIONS and not self.is_only_waiting()
        if self.view.state is SagaState.WAITING and resumes:
            self.enter(SagaState.RUNNING)
        self._publish()

    def show_stretch(self, steps: Sequence[str], reply: StretchReply) -> None:
        """What a stretch of these has done, by its own clock; where it ended is not done yet."""
        at = datetime.fromisoformat(reply.began)
        for step, attempt in zip(steps, reply.clean, strict=False):
            view = self._views[step]
            view.state, view.started_at = StepState.DONE, at.isoformat()
            at += timedelta(seconds=attempt.seconds)
            view.finished_at = at.isoformat()
            self._upsert_own(SAGA_STEP.value_set(step))
        if (unclean := reply.unclean) is not None:
            view = self._views[steps[len(reply.clean)]]
            view.started_at = at.isoformat()
            if unclean.about is None:
                view.state, view.error = StepState.FAILED, unclean.error
        self._publish()

    def is_only_waiting(self) -> bool:
        """Whether steps wait for somebody's answer, and nothing else is at work."""
        states = {view.state for view in self.view.steps}
        going = self.view.state in FORWARD and StepState.RUNNING not in states
        return going and StepState.WAITING in states

    def state_of(self, name: str) -> StepState:
        """Where the step of this name stands; one of which nothing is shown yet is pending."""
        return self._views[name].state if name in self._views else StepState.PENDING

    def mark_blocked(
        self, step: Step[Any, Any], role: str, why: str | None, words: Sequence[str], *, still: bool
    ) -> None:
        """What of a step is parked, and what an operator may say of it; not parked: no `why`.

        `still`: something of the saga is parked.
        """
        undoing = self.phase is SagaState.COMPENSATING
        resumed = StepState.COMPENSATING if undoing else StepState.RUNNING
        self.mark(step, StepState.BLOCKED if why else resumed, why)
        view = self._view_of(step)
        view.role, view.words = role if why else None, list(words)
        self.enter(SagaState.BLOCKED if still else self.phase)
        self.flush()

    def _view_of(self, step: Step[Any, Any]) -> StepView:
        """The step's line; a repeated step gets one of its own when it begins."""
        if step.name not in self._views:
            self._views[step.name] = _view(step)
            self.view.steps.append(self._views[step.name])
        return self._views[step.name]

    def enter(self, state: SagaState) -> None:
        """The saga's new state."""
        if state is not SagaState.BLOCKED:
            self.phase = state  # the one that it is in whenever nothing is blocked
        self.view.state = state
        self._upsert_own(SAGA_STATE.value_set(state))
        self._publish()

    def give_cause(self, cause: str) -> None:
        """Why the saga is undone; steps that were not reached never will be."""
        self.view.cause = cause
        for view in self.view.steps:
            if view.state is StepState.PENDING:
                view.state = StepState.SKIPPED

    def upsert(self, attribute: SearchAttributeUpdate[Any]) -> None:
        """Have the saga found by this from now on, or from the next `flush` on."""
        self._unsent[attribute.key.name] = attribute
        if not self._batched:
            self.flush()

    def _upsert_own(self, attribute: SearchAttributeUpdate[Any]) -> None:
        if self._searchable:
            self.upsert(attribute)

    def flush(self) -> None:
        """Send what was not sent yet."""
        if self._unsent:
            workflow.upsert_search_attributes(list(self._unsent.values()))
            self._unsent.clear()

    def _publish(self) -> None:
        workflow.set_current_details(self.view.markdown())


def _view(step: Step[Any, Any]) -> StepView:
    return StepView(
        name=step.name,
        kind=step.kind,
        action=activity_name(step.action),
        compensation=activity_name(step.compensation) if step.compensation else None,
    )
