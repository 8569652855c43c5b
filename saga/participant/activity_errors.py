"""The border between services and Temporal: keys going in, errors coming out, translated once."""

from datetime import timedelta
from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from saga import HELD_BACK, Call, pending, rejection
from saga.isolation.lock_waits import LOCKED
from saga.participant.errors import CircuitOpen, Conflict, Locked, Pending, Rejected, Unavailable
from saga.participant.key import StepKey


def key_of(call: Call) -> StepKey:
    """The barrier's key of a call."""
    return StepKey(saga_id=call.saga_id, step=call.step)


class ServiceErrors(Interceptor):
    """Turns what a service raises into what Temporal retries, or does not.

    Rejected becomes a benign, non-retryable rejection, and Pending is no failure either; Conflict
    and Unavailable are retried, after `retry_after` seconds if the service knows. A call that a
    circuit breaker held back is said to be that, so that no compensation is blocked for it; one
    that met the lock of another saga tells which. Anything else is a bug, retried as one.

    What it came from is left out: a driver's stack of errors is more than Temporal keeps of an
    activity that is retried, and then it keeps nothing of why.
    """

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Wrap the activity."""
        return _Translating(next)


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        try:
            return await super().execute_activity(input)
        except Rejected as error:
            raise rejection(error.code, error.detail) from None
        except Pending as error:
            raise pending(error.detail, error.about) from None
        except Conflict as error:
            raise ApplicationError(error.detail, type="Conflict") from None
        except Unavailable as error:
            after = None if error.retry_after is None else timedelta(seconds=error.retry_after)
            kind = HELD_BACK if isinstance(error, CircuitOpen) else "Unavailable"
            told: tuple[str, ...] = ()
            if isinstance(error, Locked):
                kind, told = LOCKED, (error.holder,)
            raise ApplicationError(error.detail, *told, type=kind, next_retry_delay=after) from None
