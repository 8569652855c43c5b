"""What goes over the wire can be encrypted, and who answers is verified: with real certificates.

PostgreSQL and Temporal are real, each behind an end of TLS: our wheel of the one is built without
it, and the development server of the other has none.
"""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
import uvicorn
from pydantic import ValidationError
from sqlalchemy import make_url, text

from contracts.users import UserService
from infrastructure.http.circuit_breaker import Breaker
from infrastructure.postgres.database import Database
from infrastructure.rpc.client import ServiceClient, open_client
from infrastructure.rpc.server import create_app
from infrastructure.rpc.tokens import Bearer
from infrastructure.settings import DatabaseSettings
from infrastructure.temporal.client import connect
from saga.participant import Unavailable
from services.server_process import TlsSettings
from tests.support.fakes.users import FakeUsers
from tests.support.ports import free_port
from tests.support.remote import ISSUER, service_verifier
from tests.support.waiting import until
from tests.support.world import World

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Certificates:
    """One of an authority for this machine, and that authority; all PEM files."""

    authority: Path
    certificate: Path
    key: Path


def made(folder: Path) -> Certificates:
    folder.mkdir()
    authority = trustme.CA()
    issued = authority.issue_cert(HOST)
    ours = Certificates(folder / "ca.crt", folder / "tls.crt", folder / "tls.key")
    authority.cert_pem.write_to_path(ours.authority)
    issued.private_key_pem.write_to_path(ours.key)
    for part in issued.cert_chain_pems:
        part.write_to_path(ours.certificate, append=True)
    return ours


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return made(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of an authority that nobody here trusts."""
    return made(tmp_path_factory.mktemp("tls") / "others")


# --- databases -----------------------------------------------------------------------------------


SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # "PostgreSQL: Message Formats", SSLRequest


@asynccontextmanager
async def encrypted(url: str, ours: Certificates) -> AsyncIterator[str]:
    """The URL of the same database, where it takes connections by TLS alone."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(ours.certificate, ours.key)
    behind = make_url(url)

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(len(SSL_REQUEST)) == SSL_REQUEST:
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(context)
                await _between(reader, writer, str(behind.host), behind.port or 5432)
        writer.close()

    server = await asyncio.start_server(hand_on, HOST, 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield behind.set(host=HOST, port=port).render_as_string(hide_password=False)
    finally:
        server.close()


async def asked(url: str) -> int:
    """What a database answers, by the environment's settings."""
    database = Database(url)
    try:
        async with database.transaction() as tx:
            return int((await tx.execute(text("SELECT 7"))).scalar_one())
    finally:
        await database.close()


async def test_a_database_is_spoken_to_by_tls(
    migrated: DatabaseSettings, ours: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(ours.authority))
    async with encrypted(migrated.user_database_url, ours) as url:
        assert await asked(url) == 7
    with pytest.raises(Unavailable):  # without TLS, it is not spoken to
        await asked(migrated.user_database_url)


async def test_a_database_with_a_certificate_of_others_is_refused(
    migrated: DatabaseSettings,
    ours: Certificates,
    others: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(others.authority))
    async with encrypted(migrated.user_database_url, ours) as url:
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await asked(url)


# --- services ------------------------------------------------------------------------------------


async def nothing_needed() -> None:
    """Always ready."""


@asynccontextmanager
async def served(ours: Certificates) -> AsyncIterator[int]:
    """The user service by TLS, as its process has it; the port."""
    app = create_app("user", UserService, FakeUsers(), service_verifier("user"), nothing_needed)
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=port,
            ws="none",
            log_config=None,
            ssl_certfile=ours.certificate,
            ssl_keyfile=ours.key,
        )
    )
    serving = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await until(started)
    try:
        yield port
    finally:
        server.should_exit = True
        await serving


async def ready(url: str, authorities: Path | None) -> None:
    """Ask a service whether it is ready, as its callers do. Unavailable if it cannot be asked."""
    async with open_client(url, authorities) as http:
        bearer = Bearer(ISSUER, "user", "the-tests")
        await ServiceClient("user", http, bearer, Breaker("user"), deadline=5).ready()


async def test_a_service_is_called_by_tls_and_verified(
    ours: Certificates, others: Certificates
) -> None:
    async with served(ours) as port:
        await ready(f"https://{HOST}:{port}", ours.authority)
        for wrong in (others.authority, None):
            with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
                await ready(f"https://{HOST}:{port}", wrong)
        with pytest.raises(Unavailable):
            await ready(f"http://{HOST}:{port}", None)


def test_half_of_a_service_certificate_is_refused(
    ours: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_TLS_CERTIFICATE", str(ours.certificate))
    with pytest.raises(ValidationError, match="set both"):
        TlsSettings()


# --- Temporal ------------------------------------------------------------------------------------


@asynccontextmanager
async def end_of_tls(target: str, ours: Certificates) -> AsyncIterator[int]:
    """Takes connections of who shows a certificate of ours, and hands them on; the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ours.authority)
    context.load_cert_chain(ours.certificate, ours.key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    host, _, port = target.rpartition(":")

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _between(reader, writer, host, int(port))

    server = await asyncio.start_server(hand_on, HOST, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _between(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
) -> None:
    there, back = await asyncio.open_connection(host, port)
    try:
        await asyncio.gather(_pump(reader, back), _pump(there, writer))
    finally:
        for item in (writer, back):
            item.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def by_tls(port: int, trusted: Certificates, shown: Certificates) -> dict[str, str]:
    return {
        "TEMPORAL_ADDRESS": f"{HOST}:{port}",
        "TEMPORAL_NAMESPACE": "default",
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(trusted.authority),
        "TEMPORAL_TLS_CLIENT_CERT_PATH": str(shown.certificate),
        "TEMPORAL_TLS_CLIENT_KEY_PATH": str(shown.key),
    }


async def test_temporal_is_spoken_to_by_mutual_tls(
    world: World, ours: Certificates, others: Certificates
) -> None:
    target = world.client.service_client.config.target_host
    async with end_of_tls(target, ours) as port:
        client = await connect(environment=by_tls(port, ours, ours))
        assert await client.service_client.check_health()
        for trusted, shown in ((others, ours), (ours, others)):
            with pytest.raises(RuntimeError):
                await connect(environment=by_tls(port, trusted, shown))
        del client
