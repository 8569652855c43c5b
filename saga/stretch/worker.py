"""What a worker of sagas has beside the activities of their steps: it makes stretches of them."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.plugin import SimplePlugin
from temporalio.service import RPCError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    WorkerConfig,
)

from saga.messages import Call, cause_of, find_pending, is_rejection
from saga.step import activity_name
from saga.stretch.messages import (
    NOT_BEGUN,
    STRETCH,
    CleanAttempt,
    PlannedAttempt,
    Stretch,
    StretchReply,
    UncleanAttempt,
)

# Seconds for which a stretch asks nothing, several times what a clean one takes; and for which
# Temporal has to answer then.
TRUSTED, WITHIN = 0.5, timedelta(seconds=1)


class StretchPlugin(SimplePlugin):
    """Lets a worker attempt stretches of all the asynchronous activities that it has.

    Each step in one passes the interceptors of the worker and of its client by itself, as if it
    came alone; before that, the stretch does.
    """

    def __init__(self) -> None:
        super().__init__(STRETCH)

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        """Add the activity, and what runs it."""
        config = super().configure_worker(config)
        activities: Sequence[Callable[..., Any]] = config.get("activities") or ()
        client = config["client"].config(active_config=True)  # with what its plugins have brought
        given = (*client["interceptors"], *(config.get("interceptors") or ()))
        interceptors = [each for each in given if isinstance(each, Interceptor)]
        config["activities"] = [*activities, attempt_stretch]
        last = StretchInterceptor(activities, interceptors)
        config["interceptors"] = [*(config.get("interceptors") or ()), last]
        return config


@activity.defn(name=STRETCH)
async def attempt_stretch(stretch: Stretch, *commands: Any) -> StretchReply:
    """Attempt the steps of a stretch. `StretchInterceptor` takes the place of this."""
    raise NotImplementedError


class StretchInterceptor(Interceptor):
    """Runs stretches of these activities, each of which passes these interceptors. The last one."""

    def __init__(
        self, activities: Sequence[Callable[..., Any]], interceptors: Sequence[Interceptor]
    ) -> None:
        self.interceptors = interceptors
        definition = activity._Definition.must_from_callable
        self.activities = {
            activity_name(given): given for given in activities if definition(given).is_async
        }

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Wrap the activity."""
        return _Stretching(next, self)


class _Stretching(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, of: StretchInterceptor) -> None:
        super().__init__(inner)
        self._of = of

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        super().init(outbound)
        self._outbound = outbound

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        if activity.info().activity_type != STRETCH:
            return await super().execute_activity(input)
        given, *commands = input.args
        return await self._attempt_all(_convert(given, Stretch), commands, input)

    async def _attempt_all(
        self, stretch: Stretch, commands: Sequence[Any], given: ExecuteActivityInput
    ) -> StretchReply:
        """Until one is not clean, or the time is up: nothing may go on when nobody waits for it.

        If its workflow has ended, the next step counts as one that was not clean, though it is not
        begun: so what a task of the fast path does next is for its queue, which refuses it.
        """
        reply = StretchReply(datetime.now(UTC).isoformat(timespec="milliseconds"), [])
        start = time.monotonic()
        until = start + stretch.seconds
        for planned, command in zip(stretch.attempts, commands, strict=True):
            if time.monotonic() >= start + TRUSTED and not await _is_workflow_running():
                return replace(reply, unclean=UncleanAttempt(planned.activity, 0, NOT_BEGUN))
            began = time.monotonic()
            if began >= until:
                break
            try:
                async with asyncio.timeout(min(planned.seconds, until - began)):
                    call = Call(stretch.saga_id, planned.step)
                    answer = await self._attempt(planned.activity, call, command, given)
            except Exception as error:  # noqa: BLE001 - whatever it is, the step alone is retried
                return replace(reply, unclean=_tell(planned, error, time.monotonic() - began))
            took = round(time.monotonic() - began, 4)
            reply.clean.append(CleanAttempt(planned.activity, took, _omit(answer, command)))
        return reply

    async def _attempt(
        self, name: str, call: Call, command: Any, given: ExecuteActivityInput
    ) -> Any:
        """One step, to which Temporal's context says that it is the activity."""
        function = self._of.activities[name]
        types = activity._Definition.must_from_callable(function).arg_types or ()
        args = [call, _convert(command, types[1] if len(types) > 1 else None)]
        chain = self.next
        for interceptor in reversed(self._of.interceptors):
            chain = interceptor.intercept_activity(chain)
        chain.init(self._outbound)
        info = replace(activity.info(), activity_type=name)
        context = replace(activity._Context.current(), info=lambda: info, _logger_details=None)
        token = activity._Context.set(context)
        try:
            return await chain.execute_activity(replace(given, fn=function, args=args))
        finally:
            activity._Context.reset(token)


def _convert(value: Any, wanted: Any) -> Any:
    """What the SDK has read without knowing its type, as this type."""
    converter = activity.payload_converter()
    return converter.from_payload(converter.to_payload(value), wanted)


async def _is_workflow_running() -> bool:
    """Whether the workflow of this activity does; False if nobody can tell.

    Temporal does not tell an activity that its workflow was terminated. It would answer a heartbeat
    so, which is a request for each stretch; and on the fast path there are none.
    """
    info, client = activity.info(), activity.client()
    with suppress(RPCError, ValueError):  # a status that is newer than the SDK
        handle = client.get_workflow_handle(info.workflow_id or "", run_id=info.workflow_run_id)
        return (await handle.describe(rpc_timeout=WITHIN)).status is WorkflowExecutionStatus.RUNNING
    return False


def _omit(reply: Any, command: Any) -> Any:
    """The reply, as plain values, without what the command says, too."""
    said = _convert(reply, None)
    if not isinstance(said, dict) or not isinstance(command, dict):
        return said
    return {name: value for name, value in said.items() if command.get(name, said) != value}


def _tell(planned: PlannedAttempt, error: Exception, took: float) -> UncleanAttempt:
    said = error.message if isinstance(error, ApplicationError) else str(error)
    said = said or f"no answer after {took:.1f} s ({type(error).__name__})"
    code = cause_of(error, planned.step).code if is_rejection(error) else None
    found = find_pending(error)
    about = None if found is None else list(found.details[:1])
    return UncleanAttempt(planned.activity, round(took, 4), said, code, about)
