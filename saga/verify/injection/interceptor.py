"""The interceptor that gives every attempt to its run's script."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from saga import Call
from saga.verify.faults import Site
from saga.verify.injection.behaviours import Attempt
from saga.verify.injection.life_end import ended_life, ends
from saga.verify.injection.run_state import Script, begun, ended

NEVER = datetime.min.replace(tzinfo=UTC)


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
        # A note is of one run of the workflow; to a schedule it is the same in each.
        site = Site(call.step.partition("@")[0], info.activity_type)
        body = partial(super().execute_activity, input)
        # A task of its own: a worker ends an attempt that is out of time, a lost one lands.
        # A local activity is scheduled by this machine's clock, which knows of no skipped time.
        regular = None if info.is_local else info
        if (fault := ends(script, input.args)) is not None:
            body = partial(ended_life, script, fault, body)
        task = asyncio.create_task(_attempt(script, site, regular, body))
        script.bodies.add(task)
        task.add_done_callback(partial(_landed, script))
        return await asyncio.shield(task)


async def _attempt(
    script: Script, site: Site, info: activity.Info | None, body: Callable[[], Awaitable[Any]]
) -> Any:
    at = info.current_attempt_scheduled_time if info else None
    script.attempts[site] += 1
    script.local[site] += at is None
    number = script.attempts[site]
    if site not in script.calls:
        script.calls.append(site)
    script.say(f"{site} attempt {number}" + (" on the fast path" if at is None else ""))
    script.reach(begun(site, number))
    now = at or NEVER
    first = script.first.setdefault(site, now) if at else now
    await script.stage.prepare(site)
    for fault in reversed(script.of(site)):
        if (behaviour := script.behaviours.get(fault.kind)) is not None:
            local = script.local[site]
            attempt = Attempt(script, fault, number, local, now, first, body, info)
            body = partial(behaviour, attempt)
    try:
        reply = await body()
    except Exception as error:
        script.say(f"{site} attempt {number} failed: {error}")
        raise
    script.say(f"{site} attempt {number} done")
    script.reach(ended(site))
    await script.stage.answer_after(site)
    return reply


def _landed(script: Script, task: asyncio.Task[Any]) -> None:
    """An attempt that nobody waits for any more may fail unheard."""
    script.bodies.discard(task)
    if not task.cancelled():
        task.exception()
