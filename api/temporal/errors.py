"""How the API calls Temporal: how long it waits, and what Temporal's errors mean to callers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import WorkflowQueryFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from saga.participant import NotFound, Unavailable

RPC_TIMEOUT = timedelta(seconds=5)
UPDATE_TIMEOUT = timedelta(seconds=10)  # a worker may have to be restarted meanwhile
# For an account that most likely nobody gives: a person waits for it, and goes without it then.
DOUBTFUL_QUERY_TIMEOUT = timedelta(seconds=3)
UNKNOWN_ORDER = "there is no such order"


@asynccontextmanager
async def translate_errors() -> AsyncIterator[None]:
    """Turn Temporal's errors into NotFound and Unavailable."""
    try:
        yield
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise Unavailable("no worker answered in time") from error
    except WorkflowQueryFailedError as error:
        raise Unavailable(f"query failed: {error}") from error
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            raise NotFound("unknown_order", UNKNOWN_ORDER) from error
        raise Unavailable(f"Temporal: {error.message}") from error
    except RuntimeError as error:  # the SDK's word for a server that it cannot connect to
        raise Unavailable(f"Temporal: {error}") from error
