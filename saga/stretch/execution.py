"""Runs a saga's stretches: on the fast path by a local activity, else on the workflow's queue."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import FailureError
from temporalio.workflow import ActivityCancellationType

from saga.activity_execution import ONCE, SHORT, UnreadableReply
from saga.step import activity_name
from saga.stretch.messages import STRETCH, PlannedAttempt, Stretch, StretchReply
from saga.stretch.planning import Steps

# How long one goes on, at most, on the fast path and by a queue. A cancel waits for it.
LONGEST_LOCALLY, LONGEST_ON_QUEUE = timedelta(seconds=2), timedelta(seconds=5)
# The workflow gives one up so long after it has ended by its own clock, and if nobody takes it.
MARGIN = timedelta(seconds=1)
UNTAKEN = timedelta(minutes=1)


@dataclass
class StretchExecutor:
    """`stretches` are by the names of their first steps; `fast`: there is a fast path.

    `done`: the steps that stretches have done. `active`: one is under way.
    """

    saga_id: str
    stretches: Mapping[str, Steps]
    fast: bool
    done: set[str] = field(default_factory=set, init=False)
    active: bool = field(default=False, init=False)

    async def attempt(self, steps: Steps, commands: Sequence[Any]) -> StretchReply | None:
        """Attempt these steps in order, up to the first that is not clean.

        None if it is not known what came of them; FailureError if the stretch was called off, too.
        One that is called off is waited for, and so may answer all the same.
        """
        self.active = True
        try:
            reply = _read_stretch(await self._request(steps, commands), steps)
        except FailureError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return None
        finally:
            self.active = False
        self.done |= {step.name for step in steps[: len(reply.clean)]}
        return reply

    async def _request(self, steps: Steps, commands: Sequence[Any]) -> RawValue | None:
        longest = LONGEST_LOCALLY if self.fast else LONGEST_ON_QUEUE
        each = SHORT if self.fast else longest
        planned = [
            PlannedAttempt(
                step.name, activity_name(step.action), min(each, step.attempt).total_seconds()
            )
            for step in steps
        ]
        options: dict[str, Any] = {
            "args": [Stretch(self.saga_id, planned, longest.total_seconds()), *commands],
            "result_type": RawValue,
            "start_to_close_timeout": longest + MARGIN,
            "retry_policy": ONCE,
            "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            "summary": f"{steps[0].name} to {steps[-1].name}",  # Temporal takes 400 bytes at most
        }
        raw: RawValue | None = await (
            workflow.execute_local_activity(STRETCH, **options)
            if self.fast
            else workflow.execute_activity(STRETCH, **options, schedule_to_start_timeout=UNTAKEN)
        )
        return raw


def decode_stretch(raw: RawValue | None) -> StretchReply:
    """What the activity has answered. UnreadableReply if it is no word of a stretch."""
    converter = workflow.payload_converter()
    try:
        payload = raw.payload if raw else converter.to_payload(None)
        reply: StretchReply = converter.from_payload(payload, StretchReply)
        datetime.fromisoformat(reply.began)
    except Exception as error:  # whatever a converter raises
        raise UnreadableReply(STRETCH, error) from error
    return reply


def _read_stretch(raw: RawValue | None, steps: Steps) -> StretchReply:
    """What came of a stretch of these steps. UnreadableReply if it does not say that of them."""
    reply = decode_stretch(raw)
    made = [attempt.activity for attempt in reply.attempts]
    if made != [activity_name(step.action) for step in steps][: len(made)]:
        raise UnreadableReply(STRETCH, f"it is of {made}")
    return reply
