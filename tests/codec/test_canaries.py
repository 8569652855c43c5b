"""Personal data in two hundred orders of all kinds: found nowhere, if payloads are encrypted."""

from pathlib import Path

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter

from infrastructure.telemetry.settings import TelemetrySettings
from tests.codec.canaries import (
    Found,
    logged,
    orders_of_all_kinds,
    quoting,
    search_databases,
    search_temporal,
)
from tests.codec.rings import encrypting
from tests.support.databases import Server
from tests.support.world import running_world

# By the last word of the payment method: how many orders of two hundred, and how they end.
MIXED = {
    "fine": (80, "confirmed"),
    "declined": (30, "rejected"),
    "unknown": (30, "rejected"),  # the provider's message quotes the method
    "failing": (30, "confirmed"),  # after a bug and an outage whose messages quote it
    "stuck": (30, "cancelled"),  # with the customer's own words
}


async def search(
    server: Server,
    folder: Path,
    converter: DataConverter,
    settings: TelemetrySettings,
    share: int = 1,
) -> Found:
    """Carry out this share of the orders, and look everywhere."""
    found = Found()
    databases = await server.databases()
    with logged(settings) as logs:
        async with running_world(folder, databases, converter, quoting) as world:
            kinds = [(kind, end) for kind, (n, end) in MIXED.items() for _ in range(n // share)]
            ended = await orders_of_all_kinds(world, kinds)
            assert ended.total() == 200 // share
            assert min(ended.values()) >= 30 // share
            await search_temporal(world, found)
            await search_databases(world, found)
    found.search("logs", logs.getvalue().encode())
    assert min(found.searched.values()) > 1000, found  # nothing was searched in vain
    return found


async def test_with_encryption_no_canary_is_found_anywhere(server: Server, tmp_path: Path) -> None:
    settings = TelemetrySettings(log_errors="types")
    found = await search(server, tmp_path, encrypting(), settings)
    assert found.hits.total() == 0, found


async def test_without_encryption_the_same_search_finds_them(
    server: Server, tmp_path: Path
) -> None:
    found = await search(server, tmp_path, pydantic_data_converter, TelemetrySettings(), share=10)
    for place in ("histories", "failures", "memos", "descriptions", "logs"):
        assert found.hits[place] > 0, place
    for place in ("search attributes", "published events"):  # these never hold any
        assert found.hits[place] == 0, place


@pytest.fixture(autouse=True)
def _warnings_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """As processes of ours log them."""
    caplog.set_level("INFO")
