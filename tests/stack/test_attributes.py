"""Search attributes are registered on a server that was not started for us."""

import os
from dataclasses import replace
from pathlib import Path

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
)

from contracts.names import SEARCH_ATTRIBUTES
from local_stack.programs import program
from local_stack.supervision.child import Child
from local_stack.supervision.child_runner import running
from local_stack.supervision.process import run_to_end
from local_stack.temporal import server as temporal
from tests.support.ports import free_ports

SHOWN = TypedSearchAttributes(
    [SearchAttributePair(SearchAttributeKey.for_keyword(name), "x") for name in SEARCH_ATTRIBUTES]
)
AGAIN = WorkflowIDReusePolicy.TERMINATE_IF_RUNNING
ROOT = Path(__file__).parents[2]


def registration(port: int) -> Child:
    env = {**os.environ, "TEMPORAL_ADDRESS": f"127.0.0.1:{port}", "PYTHONPATH": str(ROOT)}
    return Child("attributes", program("saga-search-attributes"), env)


async def test_missing_ones_are_added_and_repeating_is_safe(tmp_path: Path) -> None:
    """On a server that keeps its list: they are taken as soon as the command has ended."""
    port, ui_port = free_ports(2)
    server = temporal.server(port, ui_port, tmp_path / "temporal.db", os.environ)
    assert set(temporal.ATTRIBUTES) <= set(server.argv)
    lacking = tuple(word for word in server.argv if word not in temporal.ATTRIBUTES)
    async with running(replace(server, argv=lacking), tmp_path / "log"):
        client = await Client.connect(f"127.0.0.1:{port}", lazy=True)
        for _ in range(2):
            await run_to_end(registration(port), tmp_path / "attributes.log")
            await client.start_workflow(
                "Any", id="one", task_queue="none", search_attributes=SHOWN, id_reuse_policy=AGAIN
            )
        request = ListSearchAttributesRequest(namespace="default")
        found = await client.operator_service.list_search_attributes(request)
    assert set(SEARCH_ATTRIBUTES) <= set(found.custom_attributes)
