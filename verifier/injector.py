"""The interceptor that gives every attempt to its run's script."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from saga import Call
from verifier.behaviours import BEHAVIOURS, Attempt
from verifier.faults import Site
from verifier.script import Script, begun, ended


class Injector(Interceptor):
    """Strikes activities of the workflows that have a script; others pass."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Wrap the activity."""
        return _Struck(next, self.scripts)


class _Struck(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, scripts: dict[str, Script]) -> None:
        super().__init__(inner)
        self._scripts = scripts

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        info = activity.info()
        script = self._scripts.get(info.workflow_id or "")
        call = input.args[0] if input.args else None
        if script is None or not isinstance(call, Call):
            return await super().execute_activity(input)
        site = Site(call.step, info.activity_type)
        body = partial(super().execute_activity, input)
        # A task of its own: a worker ends an attempt that is out of time, a lost one lands.
        task = asyncio.create_task(
            _attempt(script, site, info.current_attempt_scheduled_time, body)
        )
        script.bodies.add(task)
        task.add_done_callback(partial(_landed, script))
        return await asyncio.shield(task)


async def _attempt(
    script: Script, site: Site, now: datetime, body: Callable[[], Awaitable[Any]]
) -> Any:
    script.attempts[site] += 1
    number = script.attempts[site]
    if number == 1:
        script.calls.append(site)
    script.say(f"{site} attempt {number}")
    script.reach(begun(site, number))
    first = script.first.setdefault(site, now)
    for fault in reversed(script.of(site)):
        if fault.kind in BEHAVIOURS:
            attempt = Attempt(script, fault, number, now, first, body)
            body = partial(BEHAVIOURS[fault.kind], attempt)
    try:
        reply = await body()
    except Exception as error:
        script.say(f"{site} attempt {number} failed: {error}")
        raise
    script.say(f"{site} attempt {number} done")
    script.reach(ended(site))
    return reply


def _landed(script: Script, task: asyncio.Task[Any]) -> None:
    """An attempt that nobody waits for any more may fail unheard."""
    script.bodies.discard(task)
    if not task.cancelled():
        task.exception()
