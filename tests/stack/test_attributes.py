"""Search attributes are registered on a server that was not started for us."""

import os
from pathlib import Path

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client

from contracts.names import SEARCH_ATTRIBUTES
from local_stack.programs import program
from local_stack.supervision.child import Child
from local_stack.supervision.child_runner import running
from local_stack.supervision.process import run_to_end
from local_stack.temporal import server as temporal
from tests.support.ports import free_ports

ROOT = Path(__file__).parents[2]


def registration(port: int) -> Child:
    env = {**os.environ, "TEMPORAL_ADDRESS": f"127.0.0.1:{port}", "PYTHONPATH": str(ROOT)}
    return Child("attributes", program("saga-search-attributes"), env)


async def test_missing_ones_are_added_and_repeating_is_safe(tmp_path: Path) -> None:
    port, ui_port = free_ports(2)
    server = temporal.server(port, ui_port, tmp_path / "temporal.db", os.environ)
    async with running(server, tmp_path / "log"):
        for _ in range(2):
            await run_to_end(registration(port), tmp_path / "attributes.log")
        client = await Client.connect(f"127.0.0.1:{port}")
        request = ListSearchAttributesRequest(namespace="default")
        found = await client.operator_service.list_search_attributes(request)
    assert set(SEARCH_ATTRIBUTES) <= set(found.custom_attributes)
