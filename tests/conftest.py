"""What tests share: one PostgreSQL and empty databases for each test."""

import gc
import os
import tempfile
from collections.abc import AsyncIterator, Generator

import pytest
import pytest_asyncio

from infrastructure.settings import DatabaseSettings
from tests.support.databases import Server, empty, running_server
from tests.support.scheduling import UnitScheduling, longest_first
from tests.support.world import World, running_world


@pytest_asyncio.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A real PostgreSQL."""
    async with running_server(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def migrated(server: Server) -> DatabaseSettings:
    """The databases of the tests of services."""
    return await server.databases()


@pytest_asyncio.fixture
async def databases(migrated: DatabaseSettings) -> DatabaseSettings:
    """Four migrated databases without a row."""
    await empty(migrated)
    return migrated


@pytest_asyncio.fixture(scope="session")
async def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A whole order saga; keep apart from other tests by users and products of your own."""
    databases = await server.databases()
    async with running_world(tmp_path_factory.mktemp("world"), databases) as running:
        yield running


def pytest_configure(config: pytest.Config) -> None:
    """Stacks of tests are noted in a folder of their own, not in that of the user."""
    notes = tempfile.TemporaryDirectory(prefix="notes-")
    config.add_cleanup(notes.cleanup)
    os.environ["XDG_STATE_HOME"] = notes.name


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded to find the tests stays: no look for garbage among it, then or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share the tests, the longest come first."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items[:] = longest_first(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> UnitScheduling | None:
    """For `--dist loadfile`."""
    return UnitScheduling(config, log) if config.getoption("dist") == "loadfile" else None
