"""Runs one activity of a step: on the fast path first if there is one, then as Temporal does.

On the fast path an activity runs where its workflow does, as a local activity: one short attempt,
which the server hears of when the workflow's task ends. If it does not answer cleanly, the activity
is scheduled on its queue with its whole retry policy, where people see it and may act on it. The
first attempt may land yet, or may have: the barrier's business, like that of any late attempt.

That attempt may have been one of a stretch (`saga.stretch`), with or without a fast path.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, get_args

from temporalio import workflow
from temporalio.common import Priority, RawValue, RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from saga.messages import find_pending, is_rejection
from saga.step import UNTIL_DONE, Step, activity_name, reply_type

# Many times what a healthy step takes. A cancel waits for it, since the workflow's task is not
# over; and it is far below that task's own time-out.
SHORT = timedelta(seconds=1)
ONCE = RetryPolicy(maximum_attempts=1)

Activity = Callable[..., Awaitable[Any]]


class UnreadableReply(ApplicationError):
    """What an activity has answered cannot be read: whether it took effect is not known."""

    def __init__(self, activity: str, error: object) -> None:
        detail = f"the reply of {activity} cannot be read: {error}"
        super().__init__(detail, type="UnreadableReply", non_retryable=True)


class ActivityExecutor:
    """`fast`: whether there is a fast path. `leaving` is called whenever it is left.

    `own_queue`: what goes to a queue goes to the workflow's own one, and not to its step's.
    """

    def __init__(self, fast: bool, leaving: Callable[[], None], *, own_queue: bool = False) -> None:
        self._fast = fast
        self._own_queue = own_queue
        self._leaving = leaving
        self.left_fast_path = False  # whether an activity went from the fast path to its queue
        self._attempted: dict[str, ApplicationError | None] = {}

    def take_up(self, step: str, refusal: ApplicationError | None) -> None:
        """Have this step's action go on from a first attempt: it was refused, or is not known."""
        self._attempted[step] = refusal

    async def execute(
        self,
        step: Step[Any, Any],
        activity: Activity,
        args: Sequence[Any],
        *,
        retry: RetryPolicy = UNTIL_DONE,
        patience: timedelta | None = None,
        summary: str = "",
        priority: Priority = Priority.default,
        first: bool = True,
    ) -> Any:
        """Run an activity to its reply. `first`: it has not been tried yet."""
        summary = f"{step.name}: {summary}" if summary else step.name
        if first and self._is_to_be_tried(step, activity):
            try:
                return await _attempt_locally(step, activity, args, summary)
            except FailureError as error:
                if is_rejection(error) or find_pending(error) or _is_called_off(error):
                    raise
        self.left_fast_path = self._fast
        self._leaving()
        run_on_queue = partial(
            self._run_on_queue,
            *(step, activity, args),
            schedule_to_close_timeout=patience,
            retry_policy=retry,
            summary=summary,
            priority=priority,
        )
        try:
            return await run_on_queue()
        except UnreadableReply:  # somebody's who completed it by hand: ask those who know
            return await run_on_queue()

    def _is_to_be_tried(self, step: Step[Any, Any], activity: Activity) -> bool:
        """Whether there is a first attempt to make here; raises the refusal of a stretch's."""
        if activity is not step.action or step.name not in self._attempted:
            return self._fast
        if (refusal := self._attempted.pop(step.name)) is not None:
            raise refusal
        return False

    async def _run_on_queue(
        self, step: Step[Any, Any], activity: Activity, args: Sequence[Any], **options: Any
    ) -> Any:
        raw = await workflow.execute_activity(
            activity_name(activity),
            args=args,
            result_type=RawValue,
            task_queue=None if self._own_queue else step.queue,
            start_to_close_timeout=step.attempt,
            **options,
        )
        return read_reply(raw, activity)


async def _attempt_locally(
    step: Step[Any, Any], activity: Activity, args: Sequence[Any], summary: str
) -> Any:
    raw = await workflow.execute_local_activity(
        activity_name(activity),
        args=args,
        result_type=RawValue,
        start_to_close_timeout=min(SHORT, step.attempt),
        retry_policy=ONCE,
        summary=summary,
    )
    return read_reply(raw, activity)


def read_reply(raw: RawValue | None, activity: Activity) -> Any:
    """The reply. UnreadableReply if it is none that the activity gives.

    The SDK would read it while it hands over the workflow's task, and fail that for ever.
    """
    wanted, reply = reply_type(activity), None
    if raw is not None:
        try:
            reply = workflow.payload_converter().from_payload(raw.payload, wanted)
        except Exception as error:  # whatever a converter raises
            raise UnreadableReply(activity_name(activity), error) from error
    if reply is None and wanted is not None and type(None) not in get_args(wanted):
        raise UnreadableReply(activity_name(activity), "it is empty")
    return reply


def _is_called_off(error: FailureError) -> bool:
    """Whether this workflow cancelled it; a worker that is stopped may cut an attempt short too."""
    task = asyncio.current_task()
    return is_cancelled_exception(error) and task is not None and task.cancelling() > 0
