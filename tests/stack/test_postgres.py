"""The stack's PostgreSQL: its walls, and what it survives."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from local_stack.postgres.server import Postgres
from local_stack.secrets.passwords import ROLES
from local_stack.supervision.process_identity import identify
from tests.support.ports import free_port


@asynccontextmanager
async def started(directory: Path, *, durable: bool = False) -> AsyncIterator[Postgres]:
    postgres = Postgres.at(directory, free_port(), durable=durable)
    await postgres.start()
    try:
        yield postgres
    finally:
        await postgres.stop()
        postgres.remove()


@pytest_asyncio.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """For tests that change nothing, as users have it."""
    async with started(tmp_path_factory.mktemp("postgres"), durable=True) as postgres:
        yield postgres


@pytest_asyncio.fixture
async def postgres(tmp_path: Path) -> AsyncIterator[Postgres]:
    async with started(tmp_path) as postgres:
        yield postgres


async def run(url: str, statement: str) -> str | None:
    connection = await asyncpg.connect(url)
    try:
        value: str | None = await connection.fetchval(statement)
        return value
    finally:
        await connection.close()


async def test_role_can_log_in_to_its_own_database_only(shared: Postgres) -> None:
    for role in ROLES:
        assert await run(shared.url(role), "SELECT current_user") == role
        for database in (*set(ROLES) - {role}, "postgres", "template1"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="CONNECT privilege"):
                await run(shared.url(role).rpartition("/")[0] + f"/{database}", "SELECT 1")


async def test_wrong_password_is_refused(shared: Postgres) -> None:
    url = shared.url("users").replace(shared.credentials.roles["users"], "guess")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await run(url, "SELECT 1")


async def test_commits_survive(shared: Postgres) -> None:
    settings = "SELECT concat(current_setting('fsync'), current_setting('synchronous_commit'))"
    assert await run(shared.url("users"), settings) == "onon"


async def test_data_outlives_the_server(postgres: Postgres) -> None:
    await run(postgres.url("orders"), "CREATE TABLE kept ()")
    await postgres.stop()
    await postgres.start()
    await run(postgres.url("orders"), "TABLE kept")


async def test_starts_over_the_lock_of_a_killed_server_and_its_busy_backend(
    postgres: Postgres,
) -> None:
    """A backend that computes does not notice that its postmaster is gone."""
    connection = await asyncpg.connect(postgres.url("users"))
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    os.kill(pid, signal.SIGSTOP)
    backend = identify(pid)
    postmaster = int((postgres.cluster.data / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    assert backend.find() is not None
    await postgres.start()
    assert backend.find() is None
    assert await run(postgres.url("users"), "SELECT current_user") == "users"
    connection.terminate()


async def test_deleted_passwords_mean_new_databases(tmp_path: Path) -> None:
    first = Postgres.at(tmp_path, free_port(), durable=False)
    assert await first.initialise() is None
    (tmp_path / "secrets.json").unlink()
    second = Postgres.at(tmp_path, free_port(), durable=False)
    try:
        note = await second.initialise()
        assert note is not None
        assert "replaced by empty ones" in note
        assert second.credentials != first.credentials
        await second.start()
        assert await run(second.url("users"), "SELECT current_user") == "users"
    finally:
        await second.stop()
        second.remove()


async def test_half_made_cluster_is_made_anew(postgres: Postgres) -> None:
    await postgres.stop()
    postgres.cluster.data.rename(postgres.cluster.home / "data.new")
    await postgres.start()
    assert await run(postgres.url("users"), "SELECT current_user") == "users"
