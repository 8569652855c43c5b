"""Waits for Temporal and registers our search attributes: `saga-search-attributes`.

With `--make-namespace` it makes the namespace first, for a server that begins with none.

A process of its own, so that `saga` itself need not load Temporal's client. Finds the server as
every program of ours does: TEMPORAL_* and profiles.
"""

import argparse
import asyncio
import sys
import time
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError, RPCStatusCode

from contracts.names import SEARCH_ATTRIBUTES
from infrastructure.temporal.program import run_and_end

PATIENCE = 45.0
POLL = 0.1
KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD


async def connect(within: float = PATIENCE) -> Client:
    """A client of a server that is healthy and has our namespace. TimeoutError says why not."""
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", "localhost:7233")
    deadline = time.monotonic() + within
    while True:
        try:
            client = await Client.connect(**config)
            if await client.service_client.check_health():
                await client.operator_service.list_search_attributes(
                    ListSearchAttributesRequest(namespace=client.namespace)
                )
                return client
        except (RPCError, RuntimeError) as error:
            if time.monotonic() > deadline:
                where = config["target_host"]
                raise TimeoutError(f"Temporal at {where} does not serve: {error}") from error
        await asyncio.sleep(POLL)


async def make_namespace(days: int, within: float = PATIENCE) -> None:
    """Make our namespace where there is none, keeping histories so long. TimeoutError as above."""
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", "localhost:7233")
    request = RegisterNamespaceRequest(namespace=config.get("namespace", "default"))
    request.workflow_execution_retention_period.FromTimedelta(timedelta(days=days))
    deadline = time.monotonic() + within
    while True:
        try:
            client = await Client.connect(**config)
            await client.workflow_service.register_namespace(request)
        except (RPCError, RuntimeError) as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.ALREADY_EXISTS:
                return
            if time.monotonic() > deadline:
                where = config["target_host"]
                raise TimeoutError(f"Temporal at {where} does not serve: {error}") from error
        else:
            return
        await asyncio.sleep(POLL)


async def register(client: Client, within: float = PATIENCE) -> None:
    """Add those that are missing, and wait until the server takes them, which may keep a list.

    ValueError if one is there with another type. TimeoutError says what is not known yet.
    """
    service = client.operator_service
    present = await service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    kinds = {name: present.custom_attributes.get(name) for name in SEARCH_ATTRIBUTES}
    wrong = [name for name, kind in kinds.items() if kind not in {None, KEYWORD}]
    if wrong:
        raise ValueError(f"search attributes {wrong} exist, but not as Keyword")
    missing = {name: KEYWORD for name, kind in kinds.items() if kind is None}
    if missing:
        request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        try:
            await service.add_search_attributes(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.ALREADY_EXISTS:
                raise
        await _wait_until_known(client, within)


async def _wait_until_known(client: Client, within: float) -> None:
    """A query that names an attribute is refused for as long as a start that has it is."""
    deadline = time.monotonic() + within
    while True:
        try:
            await client.count_workflows(" AND ".join(f"{name} = ''" for name in SEARCH_ATTRIBUTES))
        except RPCError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"Temporal does not know what was registered: {error}"
                ) from error
        else:
            return
        await asyncio.sleep(POLL)


async def set_up(days: int | None) -> str | None:
    """Wait and register; why not, in one line. `days` makes the namespace, too."""
    try:
        if days is not None:
            await make_namespace(days)
        await register(await connect())
    except (TimeoutError, ValueError, RPCError) as error:
        return str(error)
    return None


def register_and_tell() -> None:
    """As the command line says. SystemExit, with what to do, if it could not be done."""
    parser = argparse.ArgumentParser(prog="saga-search-attributes", description=__doc__)
    parser.add_argument("--make-namespace", type=int, metavar="DAYS", help="keep histories so long")
    sys.exit(asyncio.run(set_up(parser.parse_args().make_namespace)))


def main() -> None:
    """Entry point."""
    run_and_end(register_and_tell)


if __name__ == "__main__":
    main()
