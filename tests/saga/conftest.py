"""The time-skipping server."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.testing import WorkflowEnvironment

SERVER = str(Path(sys.executable).parent / "temporal-test-server")
KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD


@pytest_asyncio.fixture(scope="package")
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal that skips time."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=SERVER
    ) as environment:
        attributes = dict.fromkeys(("SagaState", "SagaStep"), KEYWORD)
        await environment.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace="default", search_attributes=attributes)
        )
        yield environment
