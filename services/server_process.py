"""A service as a process of its own: settings, start, stop.

It is on the registry's list while it is ready, if there is a registry. Told to stop, it takes
itself off the list, waits until nobody is led to it any more, and finishes what it has begun.
Without a registry, `--drain` has whoever leads calls here learn it by readiness.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx2
import uvicorn
from fastapi import FastAPI
from pydantic import Field, FilePath, model_validator
from pydantic_settings import BaseSettings

from infrastructure.http.graceful_shutdown import DrainingServer, drain_option
from infrastructure.postgres.database import Database
from infrastructure.registry.health_checker import EVERY, health_by
from infrastructure.registry.lease import keep_registered
from infrastructure.registry.postgres import PostgresRegistry
from infrastructure.registry.registry import Instance
from infrastructure.rpc.tokens import audience_of
from infrastructure.security.access_tokens import Verifier
from infrastructure.security.jwks import demand_usable, open_keys
from infrastructure.settings import RegistrySettings
from infrastructure.telemetry.setup import telemetry_of
from saga.participant import Unavailable

POOL_SIZE = 10  # connections to its database, and as many again: several workers call it
MOST_AT_ONCE = 300  # requests; further ones are told 503 at once
KEEP_ALIVE = 75  # seconds; longer than clients keep an idle connection, so none meets a closing one
GRACE = 10  # seconds for what is under way when it is told to stop
DRAIN = 2 * EVERY  # seconds until everybody knows that it is off the list

Serving = Callable[[Verifier], AbstractAsyncContextManager[FastAPI]]
log = logging.getLogger("services")


class AuthSettings(BaseSettings):
    """Whose tokens are taken: SERVICE_AUTH_ISSUER; SERVICE_AUTH_JWKS is an https URL or a file."""

    service_auth_issuer: str = Field(
        description="Who signs the tokens of calls between services: their claim iss"
    )
    service_auth_jwks: str = Field(
        description="The public keys of callers (JWKS): an https URL or a file"
    )


class TlsSettings(BaseSettings):
    """SERVICE_TLS_CERTIFICATE and SERVICE_TLS_KEY (PEM files): both, or plain HTTP is served.

    Who calls is known by its token, so callers show no certificate.
    """

    service_tls_certificate: FilePath | None = Field(
        default=None, description="The service's certificate (PEM); set, TLS alone is served"
    )
    service_tls_key: FilePath | None = Field(
        default=None, description="The private key of the service's certificate (PEM)"
    )

    @model_validator(mode="after")
    def _whole(self) -> "TlsSettings":
        if (self.service_tls_certificate is None) != (self.service_tls_key is None):
            raise ValueError("set both SERVICE_TLS_CERTIFICATE and SERVICE_TLS_KEY, or neither")
        if self.service_tls_key is not None and RegistrySettings().registry_database_url:
            raise ValueError("instances of the registry are called by plain HTTP: leave it out")
        return self


class _Server(DrainingServer):
    """Leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def run(service: str, serving: Serving, options: argparse.Namespace) -> None:
    """Serve until told to stop. OSError if the port is taken."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    auth = AuthSettings()
    demand_usable(auth.service_auth_jwks)
    listening = socket.create_server((options.host, options.port), backlog=1024)
    async with open_keys(auth.service_auth_jwks) as keys:
        verifier = Verifier(keys, issuer=auth.service_auth_issuer, audience=audience_of(service))
        async with serving(verifier) as app:
            server = _Server(_make_config(app, TlsSettings()), options.drain)
            running = asyncio.create_task(server.serve(sockets=[listening]))
            stopping = asyncio.create_task(stop.wait())
            async with _keep_listed(_make_instance(service, options)):
                await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            server.should_exit = True
            await running


def _make_instance(service: str, options: argparse.Namespace) -> Instance:
    host, port = options.advertise or options.host, options.port
    return Instance(service, options.instance or f"{service}-{host}-{port}", host, port)


@asynccontextmanager
async def _keep_listed(instance: Instance) -> AsyncIterator[None]:
    """On the registry's list, if there is one; at the end, until it is known to be off it."""
    url = RegistrySettings().registry_database_url
    if url is None:
        yield
        return
    database = Database(url, pool_size=1)
    try:
        async with httpx2.AsyncClient(trust_env=False) as http:
            healthy = health_by(http)

            async def ready() -> None:
                if not await healthy(instance):
                    raise Unavailable(f"{instance.name} is not ready")

            async with keep_registered(PostgresRegistry(database), instance, ready):
                yield
        await asyncio.sleep(DRAIN)
    finally:
        await database.close()


def _make_config(app: FastAPI, tls: TlsSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        ssl_certfile=tls.service_tls_certificate,
        ssl_keyfile=tls.service_tls_key,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )


def serve(service: str, serving: Serving) -> None:
    """Serve one service as its program does, with the options of the command line."""
    parser = argparse.ArgumentParser(prog=f"saga-service-{service}")
    parser.add_argument("--host", default="127.0.0.1", help="listen here")
    parser.add_argument("--port", default=8000, type=int)
    parser.add_argument("--instance", help="its name in the registry")
    parser.add_argument("--advertise", help="the host by which others reach it; default: --host")
    drain_option(parser)
    options = parser.parse_args()
    with telemetry_of(service):
        asyncio.run(run(service, serving, options))
