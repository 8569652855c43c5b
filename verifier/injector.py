"""The interceptor that gives every attempt to its run's script."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from saga import Call
from verifier.behaviours import BEHAVIOURS, Attempt
from verifier.earlier import EARLIER
from verifier.faults import Site
from verifier.script import Script, begun, ended

ALL = BEHAVIOURS | EARLIER
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
        site = Site(call.step, info.activity_type)
        body = partial(super().execute_activity, input)
        # A task of its own: a worker ends an attempt that is out of time, a lost one lands.
        # A local activity is scheduled by this machine's clock, which knows of no skipped time.
        now = None if info.is_local else info.current_attempt_scheduled_time
        task = asyncio.create_task(_attempt(script, site, now, body))
        script.bodies.add(task)
        task.add_done_callback(partial(_landed, script))
        return await asyncio.shield(task)


async def _attempt(
    script: Script, site: Site, at: datetime | None, body: Callable[[], Awaitable[Any]]
) -> Any:
    script.attempts[site] += 1
    script.local[site] += at is None
    number = script.attempts[site]
    if site not in script.calls:
        script.calls.append(site)
    script.say(f"{site} attempt {number}" + (" on the fast path" if at is None else ""))
    script.reach(begun(site, number))
    now = at or NEVER
    first = script.first.setdefault(site, now) if at else now
    for fault in reversed(script.of(site)):
        if (behaviour := ALL.get(fault.kind)) is not None:
            attempt = Attempt(script, fault, number, script.local[site], now, first, body)
            body = partial(behaviour, attempt)
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
