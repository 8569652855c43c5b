"""Migrating keeps nobody waiting for long, and what is migrated stays so."""

from pathlib import Path

import asyncpg
import pytest

from infrastructure.postgres import migrations
from infrastructure.postgres.migrations import LOCK, upgrade
from saga.participant import Unavailable
from tests.support.databases import Server

ENV = """
from sqlalchemy import MetaData
from infrastructure.postgres.migrations import run_env
run_env(MetaData())
"""
REVISION = """
from alembic import op
revision = {!r}
down_revision = {!r}
def upgrade():
    op.execute({!r})
"""
FIRST = "CREATE TABLE made (id int)"
HELD = f"(SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND objid = {LOCK})"
SECOND = f"DO $do$ BEGIN ALTER TABLE used ADD COLUMN added int; PERFORM 1 / {HELD}; END $do$"


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Two revisions; the second needs a table alone, and the lock of those who migrate."""
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(ENV)
    for name, older, statement in (("0001", None, FIRST), ("0002", "0001", SECOND)):
        (tmp_path / "versions" / f"{name}.py").write_text(REVISION.format(name, older, statement))
    return tmp_path


async def test_a_table_in_use_is_waited_for_for_a_moment_at_a_time(
    server: Server, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr(migrations, "TRIES", 2)
    await server.execute("CREATE DATABASE migrating")
    url = server.url("migrating")
    async_url = url.replace("postgresql:", "postgresql+asyncpg:")
    reader, other = await asyncpg.connect(url), await asyncpg.connect(url)
    await other.execute("CREATE TABLE used (id int)")
    async with reader.transaction():
        await reader.fetch("SELECT * FROM used")
        with pytest.raises(Unavailable, match="in use by others at each of 2 tries"):
            await upgrade(history, async_url)
        assert await other.fetchval("SELECT version_num FROM alembic_version") == "0001"
        assert await other.fetch("SELECT * FROM made") == []
    await upgrade(history, async_url)
    assert await other.fetchval("SELECT version_num FROM alembic_version") == "0002"
    assert await other.fetch("SELECT added FROM used") == []
    await reader.close()
    await other.close()
