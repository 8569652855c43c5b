"""The interceptor that gives every attempt to its run's state."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from saga import Call
from saga.stretch.messages import STRETCH
from saga.verify.faults import InjectionPoint
from saga.verify.injection.attempt import Attempt
from saga.verify.injection.life_end import end_life, find_life_end
from saga.verify.injection.run_state import RunState, milestone_of_attempt, milestone_of_success

# Within this block, a call that it is told of is done.
Gate = Callable[[str], AbstractAsyncContextManager[object]]

NEVER = datetime.min.replace(tzinfo=UTC)


class Injector(Interceptor):
    """Strikes activities of the workflows that have a run state; others pass.

    `gates`, by workflow id: those through which all its activities go, since others run beside it.
    """

    def __init__(self) -> None:
        self.states: dict[str, RunState] = {}
        self.gates: dict[str, Gate] = {}

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Wrap the activity."""
        return _Gated(_Struck(next, self.states), self.gates)


class _Gated(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, gates: dict[str, Gate]) -> None:
        super().__init__(inner)
        self._gates = gates

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        info = activity.info()
        gate = self._gates.get(info.workflow_id or "")
        if gate is None or info.activity_type == STRETCH:  # each step in one comes by itself
            return await super().execute_activity(input)
        async with gate(info.activity_type):
            return await super().execute_activity(input)


class _Struck(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, states: dict[str, RunState]) -> None:
        super().__init__(inner)
        self._states = states

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        info = activity.info()
        state = self._states.get(info.workflow_id or "")
        call = input.args[0] if input.args else None
        if state is None or not isinstance(call, Call):
            return await super().execute_activity(input)
        # A note is of one run of the workflow; to a schedule it is the same in each.
        point = InjectionPoint(call.step.partition("@")[0], info.activity_type)
        body = partial(super().execute_activity, input)
        # A task of its own: a worker ends an attempt that is out of time, a lost one lands.
        # A local activity is scheduled by this machine's clock, which knows of no skipped time.
        regular = None if info.is_local else info
        if (fault := find_life_end(state, input.args)) is not None:
            body = partial(end_life, state, fault, body)
        task = asyncio.create_task(_attempt(state, point, regular, body))
        state.bodies.add(task)
        task.add_done_callback(partial(_forget_body, state))
        return await asyncio.shield(task)


async def _attempt(
    state: RunState,
    point: InjectionPoint,
    info: activity.Info | None,
    body: Callable[[], Awaitable[Any]],
) -> Any:
    at = info.current_attempt_scheduled_time if info else None
    state.attempts[point] += 1
    state.local[point] += at is None
    number = state.attempts[point]
    if point not in state.calls:
        state.calls.append(point)
    state.say(f"{point} attempt {number}" + (" on the fast path" if at is None else ""))
    state.reach(milestone_of_attempt(point, number))
    now = at or NEVER
    first = state.first.setdefault(point, now) if at else now
    await state.controller.prepare(point)
    for fault in reversed(state.faults_at(point)):
        if (behaviour := state.behaviours.get(fault.kind)) is not None:
            local = state.local[point]
            attempt = Attempt(state, fault, number, local, now, first, body, info)
            body = partial(behaviour, attempt)
    try:
        reply = await body()
    except Exception as error:
        state.say(f"{point} attempt {number} failed: {error}")
        raise
    state.say(f"{point} attempt {number} done")
    state.reach(milestone_of_success(point))
    await state.controller.answer_after(point)
    return reply


def _forget_body(state: RunState, task: asyncio.Task[Any]) -> None:
    """An attempt that nobody waits for any more may fail unheard."""
    state.bodies.discard(task)
    if not task.cancelled():
        task.exception()
