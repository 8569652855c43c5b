"""Runs one activity of a step: on the fast path first if there is one, then as Temporal does.

On the fast path an activity runs where its workflow does, as a local activity: one short attempt,
which the server hears of when the workflow's task ends. If it does not answer cleanly, the activity
is scheduled on its queue with its whole retry policy, where people see it and may act on it. The
first attempt may land yet, or may have: the barrier's business, like that of any late attempt.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import FailureError, is_cancelled_exception

from saga.call import is_rejection
from saga.step import Step

# Many times what a healthy step takes. A cancel waits for it, since the workflow's task is not
# over; and it is far below that task's own time-out.
SHORT = timedelta(seconds=1)
ONCE = RetryPolicy(maximum_attempts=1)

What = Callable[..., Awaitable[Any]]


class Attempts:
    """`fast`: whether there is a fast path. `leaving` is called whenever it is left.

    `own_queue`: what goes to a queue goes to the workflow's own one, and not to its step's.
    """

    def __init__(self, fast: bool, leaving: Callable[[], None], *, own_queue: bool = False) -> None:
        self._fast = fast
        self._own_queue = own_queue
        self._leaving = leaving
        self.left = False  # whether an activity went from the fast path to its queue

    async def at(
        self,
        step: Step[Any, Any],
        what: What,
        args: Sequence[Any],
        *,
        retry: RetryPolicy,
        patience: timedelta | None,
        summary: str = "",
        priority: Priority = Priority.default,
        first: bool = True,
    ) -> Any:
        """Run an activity to its reply. `first`: it has not been tried yet."""
        summary = f"{step.name}: {summary}" if summary else step.name
        if self._fast and first:
            try:
                return await workflow.execute_local_activity(
                    what,
                    args=args,
                    start_to_close_timeout=min(SHORT, step.attempt),
                    retry_policy=ONCE,
                    summary=summary,
                )
            except FailureError as error:
                if is_rejection(error) or _called_off(error):
                    raise
        self.left = self._fast
        self._leaving()
        return await workflow.execute_activity(
            what,
            args=args,
            task_queue=None if self._own_queue else step.queue,
            start_to_close_timeout=step.attempt,
            schedule_to_close_timeout=patience,
            retry_policy=retry,
            summary=summary,
            priority=priority,
        )


def _called_off(error: FailureError) -> bool:
    """Whether this workflow cancelled it; a worker that is stopped may cut an attempt short too."""
    task = asyncio.current_task()
    return is_cancelled_exception(error) and task is not None and task.cancelling() > 0
