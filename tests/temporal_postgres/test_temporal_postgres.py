"""Temporal's own server, by compose's configuration and on PostgreSQL, works for our sagas.

`make test SUITE=temporal-postgres` builds the server; without it these tests fail, and do not skip.
"""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from local_stack.supervision.process import run_to_end
from tests.deploy.composed import ROOT, prepared, read
from tests.temporal_postgres.composed import Temporal
from tests.temporal_postgres.running import Served, StackOnServer, stack_on

ORDERS_OF_THE_DEMO = 6

pytestmark = pytest.mark.temporal_postgres


@pytest_asyncio.fixture(scope="module")
async def stack(
    served: Served, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[StackOnServer]:
    async with stack_on(served, tmp_path_factory.mktemp("stack")) as found:
        yield found


def test_the_server_knows_all_of_the_dynamic_configuration(tmp_path: Path) -> None:
    temporal = Temporal(read(prepared(tmp_path))["services"], 0)
    dynamic = ROOT / "deploy/compose/dynamic.yaml"
    argv = [str(temporal.programs / "temporal-server"), "validate-dynamic-config", str(dynamic)]
    said = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert (said.returncode, said.stdout.split()) == (0, [str(dynamic)]), said.stderr


async def test_the_set_up_may_be_repeated_while_it_serves(served: Served, tmp_path: Path) -> None:
    for job in (served.temporal.schema(), served.temporal.setup(served.address)):
        await run_to_end(job, tmp_path / "again.log")


async def test_the_demo_ends_as_it_should(stack: StackOnServer, served: Served) -> None:
    assert stack.state.environment["TEMPORAL_ADDRESS"] == served.address
    assert "temporal" not in stack.state.pids  # the development server is not there
    done = stack.saga("demo")
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_prometheus_reads_how_often_workflows_were_begun(
    stack: StackOnServer, served: Served
) -> None:
    assert stack.saga("demo", "--json").returncode == 0
    async with httpx2.AsyncClient() as http:
        said = (await http.get(served.metrics)).raise_for_status().text
    requests = next(
        item for item in text_string_to_metric_families(said) if item.name == "persistence_requests"
    )
    begun = [
        sample
        for sample in requests.samples
        if sample.labels["operation"] == "CreateWorkflowExecution"
    ]
    assert sum(step.value for step in begun) >= ORDERS_OF_THE_DEMO
