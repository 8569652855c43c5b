"""The same saga three times: compensations noted after each step, before it, and on the engine."""

from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError

from saga import Call, Saga, SagaDefinition, SagaView, Step
from textbook.bookings import Trip
from textbook.definition import ATTEMPT, PATIENCE, define

BOOKED = "booked"


async def run(activity: Callable[..., Any], step: Step[Any, Any], trip: Trip) -> None:
    """Try an action for as long as its step has patience."""
    await workflow.execute_activity(
        activity,
        args=[_call(step), _command(step, trip)],
        task_queue=step.queue,
        start_to_close_timeout=ATTEMPT,
        schedule_to_close_timeout=PATIENCE,
    )


async def undo(step: Step[Any, Any], trip: Trip) -> None:
    """Try a compensation until it is done."""
    assert step.compensation is not None
    await workflow.execute_activity(
        step.compensation,
        args=[_call(step), _command(step, trip)],
        task_queue=step.queue,
        start_to_close_timeout=ATTEMPT,
    )


def _call(step: Step[Any, Any]) -> Call:
    return Call(workflow.info().workflow_id, step.name)


def _command(step: Step[Any, Any], trip: Trip) -> Any:
    assert step.command is not None
    return step.command(trip)


def ending(error: Exception) -> str:
    """Cancelled, refused, or out of time."""
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, CancelledError):
        return "cancelled"
    refused = isinstance(cause, ApplicationError) and cause.non_retryable
    return "rejected" if refused else "timed_out"


AFTER, BEFORE, ENGINE = (
    define(name) for name in ("TextbookAfter", "TextbookBefore", "OnTheEngine")
)


@workflow.defn(name=AFTER.name)
class TextbookAfter:
    """Each step's compensation is noted once the step is done."""

    @workflow.run
    async def run(self, trip: Trip) -> str:
        """Booked, or how it ended instead."""
        compensations: list[Step[Any, Any]] = []
        try:
            for step in AFTER:
                await run(step.action, step, trip)
                compensations.append(step)
        except Exception as error:
            for step in reversed(compensations):
                await undo(step, trip)
            return ending(error)
        return BOOKED


@workflow.defn(name=BEFORE.name)
class TextbookBefore:
    """Each step's compensation is noted before the step begins."""

    @workflow.run
    async def run(self, trip: Trip) -> str:
        """Booked, or how it ended instead."""
        compensations: list[Step[Any, Any]] = []
        try:
            for step in BEFORE:
                compensations.append(step)
                await run(step.action, step, trip)
        except Exception as error:
            for step in reversed(compensations):
                await undo(step, trip)
            return ending(error)
        return BOOKED


@workflow.defn(name=ENGINE.name)
class OnTheEngine:
    """The same three steps, run by the engine."""

    @workflow.init
    def __init__(self, trip: Trip) -> None:
        self._saga = Saga(ENGINE, trip)

    @workflow.run
    async def run(self, trip: Trip) -> str:
        """Booked, or how it ended instead."""
        outcome = await self._saga.run()
        self._saga.close(outcome)
        return BOOKED if outcome.cause is None else outcome.cause.ending.value

    @workflow.query
    def saga(self) -> SagaView:
        """Where it stands."""
        return self._saga.view


WORKFLOWS: dict[str, tuple[Any, SagaDefinition]] = {
    "AFTER": (TextbookAfter, AFTER),
    "BEFORE": (TextbookBefore, BEFORE),
    "ENGINE": (OnTheEngine, ENGINE),
}
