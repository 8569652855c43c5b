"""The search attributes of sagas, which a namespace of Temporal must know before they are set."""

from collections.abc import Collection

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client

from saga.journal import SAGA_STATE, SAGA_STEP

SEARCH_ATTRIBUTES = (SAGA_STATE.name, SAGA_STEP.name)  # all of type Keyword


class MissingSearchAttributes(Exception):
    """A namespace lacks search attributes; the message has the command that registers them."""


async def check_search_attributes(
    client: Client, names: Collection[str] = SEARCH_ATTRIBUTES
) -> None:
    """See that the client's namespace knows these search attributes, before a worker starts.

    MissingSearchAttributes if not: a workflow that sets one fails every task until it is known.
    """
    asked = ListSearchAttributesRequest(namespace=client.namespace)
    known = await client.operator_service.list_search_attributes(asked)
    if missing := [name for name in names if name not in known.custom_attributes]:
        options = " ".join(f"--name {name} --type Keyword" for name in missing)
        raise MissingSearchAttributes(
            f"namespace {client.namespace} lacks the search attributes {', '.join(missing)}: "
            f"temporal operator search-attribute create -n {client.namespace} {options}"
        )
