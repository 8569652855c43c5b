"""What an activity failed of is small enough for Temporal to keep while it is retried."""

import httpx2
import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter, DefaultPayloadConverter
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from saga.participant import ServiceError, Unavailable
from saga.participant.activity_errors import ServiceErrors
from tests.support.ports import free_port

MOST = 4096  # bytes that Temporal keeps of the last failure: limit.mutableStateActivityFailureSize


class Calling(ActivityInboundInterceptor):
    """An activity whose service does not answer."""

    def __init__(self) -> None:
        """Nothing comes after it."""

    async def execute_activity(self, input: ExecuteActivityInput) -> None:  # noqa: A002
        try:
            async with httpx2.AsyncClient(trust_env=False) as http:
                await http.get(f"http://127.0.0.1:{free_port()}/")
        except httpx2.HTTPError as error:
            raise Unavailable(f"inventory: {error}") from error


async def test_why_a_service_does_not_answer_fits_into_what_temporal_keeps() -> None:
    wrapped = ServiceErrors().intercept_activity(Calling())
    asked = ExecuteActivityInput(fn=len, args=[], executor=None, headers={})
    with pytest.raises(ApplicationError, match=r"inventory: .+") as raised:
        await wrapped.execute_activity(asked)
    failure = Failure()
    DefaultFailureConverter().to_failure(raised.value, DefaultPayloadConverter(), failure)
    assert failure.ByteSize() < MOST
    assert not isinstance(raised.value, ServiceError)
