"""The search attributes of sagas, which a namespace of Temporal must know before they are set."""

import asyncio
import logging
import time
from collections.abc import Collection

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from saga.progress import SAGA_STATE, SAGA_STEP

SEARCH_ATTRIBUTES = (SAGA_STATE.name, SAGA_STEP.name)  # all of type Keyword
PATIENCE = 30.0  # seconds; a server knows what was just registered a little later
RETRY_AFTER = 1.0
MAY_NOT_ASK = {
    RPCStatusCode.PERMISSION_DENIED,
    RPCStatusCode.UNAUTHENTICATED,
    RPCStatusCode.UNIMPLEMENTED,
}

log = logging.getLogger(__name__)


class MissingSearchAttributes(Exception):
    """A namespace lacks search attributes; the message has the command that registers them."""


async def check_search_attributes(
    client: Client, names: Collection[str] = SEARCH_ATTRIBUTES, *, patience: float = PATIENCE
) -> None:
    """See that the client's namespace knows these search attributes, before a worker starts.

    MissingSearchAttributes if it does not after `patience` seconds: a workflow that sets one would
    fail every task until it is known. Waits for a server that does not answer; where nobody may
    ask, goes on.
    """
    begun = time.monotonic()
    while True:
        try:
            missing = [name for name in names if not await _is_known(client, name)]
        except (RPCError, RuntimeError) as error:  # the latter of a client that connects late
            if isinstance(error, RPCError) and error.status in MAY_NOT_ASK:
                log.warning("cannot tell whether search attributes are registered: %s", error)
                return
            log.warning("Temporal does not answer, trying again: %s", error)
        else:
            if not missing:
                return
            if time.monotonic() - begun >= patience:
                raise MissingSearchAttributes(_describe_missing(client.namespace, missing))
            log.warning("looking again: %s", _describe_missing(client.namespace, missing))
        await asyncio.sleep(RETRY_AFTER)


async def _is_known(client: Client, name: str) -> bool:
    """As a query tells, which everybody may ask who may list workflows."""
    try:
        await client.count_workflows(f"{name} = 'none'")
    except RPCError as error:
        if error.status is RPCStatusCode.INVALID_ARGUMENT:
            return False
        raise
    return True


def _describe_missing(namespace: str, missing: Collection[str]) -> str:
    options = " ".join(f"--name {name} --type Keyword" for name in missing)
    return (
        f"namespace {namespace} lacks the search attributes {', '.join(missing)}: "
        f"temporal operator search-attribute create -n {namespace} {options}"
    )
