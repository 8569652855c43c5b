"""The time-skipping server."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.common import SearchAttributeKey
from temporalio.testing import WorkflowEnvironment

from tests.saga import environment
from tests.saga.toy import FAST, STRETCH

SERVER = str(Path(sys.executable).parent / "temporal-test-server")
SUGGESTED = "limit.historyCount.suggestContinueAsNew=40"  # events; 4,096 by default
KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD


PATHS = {"regular": "", "fast": FAST, "stretch": STRETCH, "fast-stretch": FAST + STRETCH}


@pytest.fixture(params=list(PATHS.values()), ids=list(PATHS), autouse=True)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What holds of a saga holds with the fast path and without it, in a stretch or not."""
    monkeypatch.setattr(environment, "PATH", request.param)
    return str(request.param)


@pytest_asyncio.fixture(scope="package")
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal that skips time."""
    async with time_skipping() as running:
        yield running


@pytest_asyncio.fixture
async def skipping_alone() -> AsyncIterator[WorkflowEnvironment]:
    """One of the test's own, for a saga that may end while an attempt is still at work.

    That server skips no time while an activity is at work. If its workflow ends meanwhile, it never
    hears of the activity's end, and skips no time any more: whoever comes next waits in real time.
    """
    async with time_skipping() as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def short_lived() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal that suggests to continue as new early."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
        dev_server_extra_args=["--dynamic-config-value", SUGGESTED],
        search_attributes=[
            SearchAttributeKey.for_keyword(name) for name in ("SagaState", "SagaStep")
        ],
    ) as environment:
        yield environment


@asynccontextmanager
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """The server, with the attributes that sagas set."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=SERVER
    ) as running:
        attributes = dict.fromkeys(("SagaState", "SagaStep"), KEYWORD)
        await running.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace="default", search_attributes=attributes)
        )
        yield running
