"""The border between services and Temporal: keys going in, errors coming out, translated once."""

from datetime import timedelta
from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from contracts.errors import Conflict, Rejected, Unavailable
from contracts.message import StepKey
from saga import Call, rejection


def key_of(call: Call) -> StepKey:
    """The barrier's key of a call."""
    return StepKey(saga_id=call.saga_id, step=call.step)


class ServiceErrors(Interceptor):
    """Turns what a service raises into what Temporal retries, or does not.

    Rejected becomes a benign, non-retryable rejection; Conflict and Unavailable are retried, after
    `retry_after` seconds if the service knows. Anything else is a bug and retried as one.
    """

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Wrap the activity."""
        return _Translating(next)


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        try:
            return await super().execute_activity(input)
        except Rejected as error:
            raise rejection(error.code, error.detail) from error
        except Conflict as error:
            raise ApplicationError(error.detail, type="Conflict") from error
        except Unavailable as error:
            after = None if error.retry_after is None else timedelta(seconds=error.retry_after)
            raise ApplicationError(
                error.detail, type="Unavailable", next_retry_delay=after
            ) from error
