"""What a worker of sagas has beside the activities of their steps: it makes stretches of them."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    WorkerConfig,
)

from saga.messages import Call, is_rejection
from saga.step import activity_name
from saga.stretch.messages import (
    STRETCH,
    CleanAttempt,
    PlannedAttempt,
    Stretch,
    StretchReply,
    UncleanAttempt,
)
from saga.stretch.workflow_check import WorkflowCheck

NOT_BEGUN = "not begun: its workflow was ended or paused, or Temporal does not answer"
Activities = Mapping[str, Callable[..., Any]]


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
        self._interceptors = interceptors
        definitions = map(activity._Definition.must_from_callable, activities)
        self._activities = {
            activity_name(given): given
            for given, definition in zip(activities, definitions, strict=True)
            if definition.is_async
        }

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Wrap the activity."""
        return _Stretching(next, self._activities, self._interceptors)


class _Stretching(ActivityInboundInterceptor):
    def __init__(
        self,
        inner: ActivityInboundInterceptor,
        activities: Activities,
        interceptors: Sequence[Interceptor],
    ) -> None:
        super().__init__(inner)
        self._activities = activities
        self._interceptors = interceptors

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
        until, workflow = time.monotonic() + stretch.seconds, WorkflowCheck()
        for planned, command in zip(stretch.attempts, commands, strict=True):
            if not await workflow.still_runs():
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
            reply.clean.append(CleanAttempt(planned.activity, took, answer))
        return reply

    async def _attempt(
        self, name: str, call: Call, command: Any, given: ExecuteActivityInput
    ) -> Any:
        """One step, to which Temporal's context says that it is the activity."""
        function = self._activities[name]
        types = activity._Definition.must_from_callable(function).arg_types or ()
        args = [call, _convert(command, types[1] if len(types) > 1 else None)]
        chain = self.next
        for interceptor in reversed(self._interceptors):
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


def _tell(planned: PlannedAttempt, error: Exception, took: float) -> UncleanAttempt:
    said, code = str(error) or f"no answer after {took:.1f} s ({type(error).__name__})", None
    if isinstance(error, ApplicationError):
        said = error.message
        if is_rejection(error):
            code = str(error.details[0]) if error.details else "rejected"
    return UncleanAttempt(planned.activity, round(took, 4), said, code)
