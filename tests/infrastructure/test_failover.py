"""A primary and its synchronous standby, both real: what was acknowledged survives a failover.

The primary is frozen, not killed, which is the harder case: its kernel still takes connections, and
nobody ever answers. The standby is promoted by hand, as a failover manager would do it.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count, pairwise
from pathlib import Path
from time import monotonic

import asyncpg
import psutil
from sqlalchemy import text

from infrastructure.postgres.database import Database
from infrastructure.postgres.primary import COMMAND_TIMEOUT, CONNECT_TIMEOUT
from infrastructure.settings import with_driver
from local_stack.postgres import cluster
from local_stack.postgres.databases import HOST
from local_stack.postgres.server import Postgres
from local_stack.supervision.child import Child
from local_stack.supervision.process import run_to_end
from saga.participant import Unavailable
from tests.support.ports import free_port
from tests.support.waiting import until

DATABASE = "users"
WRITERS = 4
ENOUGH = 40  # writes, before the freeze and after it
INSERT = text("INSERT INTO written VALUES (:number)")
LONGEST_STALL = 10.0  # seconds, that a silent primary may cost at most


class Standby(Postgres):
    """It has what its primary has."""

    async def provision(self) -> None:
        """Nothing: it takes no writes."""


async def ask(server: Postgres, statement: str) -> list[asyncpg.Record]:
    """What a server answers its superuser."""
    place = {"host": HOST, "port": server.port, "database": DATABASE, "user": "postgres"}
    password = server.credentials.superuser
    connection = await asyncpg.connect(**place, password=password, timeout=30)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(statement)
        return rows
    finally:
        await connection.close()


@asynccontextmanager
async def running(server: Postgres) -> AsyncIterator[Postgres]:
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
        server.remove()


def make_data_folder(server: Postgres) -> Path:
    """An empty one, which its account may fill."""
    data, account = server.cluster.data, server.cluster.account
    data.mkdir(mode=0o700)
    if account is not None:
        os.chown(data, account.uid, account.gid)
    return data


async def copy_of(primary: Postgres, folder: Path) -> Standby:
    """A standby to be, made as its operator would; not running yet."""
    standby = Standby(
        cluster.locate(folder), free_port(), primary.credentials, folder / "log", durable=False
    )
    data, account = make_data_folder(standby), standby.cluster.account
    place = ("-h", HOST, "-p", primary.port, "-U", "postgres")
    options = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
    copying = standby.cluster.command("pg_basebackup", "-D", data, *place, *options)
    environment = cluster.ENVIRONMENT | {"PGPASSWORD": primary.credentials.superuser}
    child = Child("copy", copying, environment, account=account, cwd=standby.cluster.home)
    await run_to_end(child, folder / "copy.log")
    return standby


async def wait_for_it_always(primary: Postgres) -> None:
    """From now on a commit is acknowledged when the standby has it."""
    await ask(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
    await ask(primary, "SELECT pg_reload_conf()")

    async def is_synchronous() -> bool:
        rows = await ask(primary, "SELECT sync_state FROM pg_stat_replication")
        return [row["sync_state"] for row in rows] == ["sync"]

    await until(is_synchronous)


@contextmanager
def frozen(server: Postgres) -> Iterator[None]:
    """It keeps its connections, takes new ones, and says nothing."""
    pid = int((server.cluster.data / "postmaster.pid").read_text().split()[0])
    postmaster = psutil.Process(pid)
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


class Writers:
    """Write numbers, each until it is acknowledged or its outcome is unknown."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = count()
        self.acknowledged: list[tuple[int, float]] = []

    async def write(self, database: Database) -> None:
        """Without end."""
        while True:
            number = next(self._numbers)
            try:
                async with database.transaction() as tx:
                    await tx.execute(INSERT, {"number": number})
            except Unavailable:
                await asyncio.sleep(0.05)
            else:
                self.acknowledged.append((number, monotonic()))

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator["Writers"]:
        """Several at once, by one pool."""
        database = Database(self._url)
        tasks = [asyncio.create_task(self.write(database)) for _ in range(WRITERS)]
        try:
            yield self
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await database.close()

    async def until_more(self, number: int) -> None:
        """So many more are acknowledged."""
        wanted = len(self.acknowledged) + number

        async def enough() -> bool:
            return len(self.acknowledged) >= wanted

        await until(enough, within=120)

    @property
    def longest_stall(self) -> float:
        """Seconds without an acknowledgement."""
        moments = [moment for _, moment in self.acknowledged]
        return max(after - before for before, after in pairwise(moments))


async def test_nothing_acknowledged_is_lost_when_a_frozen_primary_is_replaced(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "primary", tmp_path / "standby"
    first.mkdir()
    second.mkdir()
    async with running(Postgres.at(first, free_port(), durable=False)) as primary:
        await ask(primary, "CREATE TABLE written (number int PRIMARY KEY)")
        async with running(await copy_of(primary, second)) as standby:
            await wait_for_it_always(primary)
            hosts = f"{HOST}:{primary.port},{HOST}:{standby.port}"
            password = primary.credentials.superuser
            url = with_driver(f"postgresql://postgres:{password}@{hosts}/{DATABASE}")
            async with Writers(url).at_work() as writers:
                await writers.until_more(ENOUGH)
                with frozen(primary):
                    before = len(writers.acknowledged)
                    await ask(standby, "SELECT pg_promote()")
                    await writers.until_more(ENOUGH)
            rows = await ask(standby, "SELECT number FROM written")
    print(f"{before} before, longest stall {writers.longest_stall:.1f} s")
    lost = {number for number, _ in writers.acknowledged} - {row["number"] for row in rows}
    assert lost == set()


def test_a_silent_primary_costs_no_more_than_is_promised() -> None:
    """Whoever was at work waits for its statement; by then the others are at another host."""
    assert COMMAND_TIMEOUT + CONNECT_TIMEOUT <= LONGEST_STALL
