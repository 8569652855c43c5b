"""Serves the REST front end; `saga-api` has the console beside it."""

import argparse
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings
from temporalio.client import Client

from api.app import Install, Opening, create_app
from api.dependencies import AUTHENTICATE_WITHIN, Backend
from api.overload.load_shedding import MOST_OPEN
from api.routes.api_docs import serve_handbook
from api.server import allow_many_connections, serve
from contracts.names import ORDER_EVENTS
from infrastructure.http.circuit_breaker_metrics import make_observer
from infrastructure.http.graceful_shutdown import drain_option
from infrastructure.postgres.notify import NotificationListener
from infrastructure.security.access_tokens import MAX_BYTES, MAX_LEEWAY, Verifier
from infrastructure.security.jwks import demand_usable, open_keys
from infrastructure.security.key_ring import KeysUnusable
from infrastructure.settings import EVENTS, DatabaseUrl, WebhookSettings
from infrastructure.telemetry.setup import telemetry_of
from infrastructure.telemetry.temporal import plugins, replay_safe
from infrastructure.temporal.client import connect, demand_keys, runtime_of
from services.composition import breakers_of, open_services_at
from services.event.wiring import open_webhooks
from services.locations import ServiceLocations, ServiceLocationSettings
from workers.claims import claiming
from workers.deployment_version import VersionSettings
from workers.lint import findings
from workers.run import working_inside

WITHOUT_KEYS = """\
The API does not start without keys that tell its callers apart. Set
  API_AUTH_ISSUER    who signs the tokens: their claim iss
  API_AUTH_AUDIENCE  what they must be for: their claim aud
  API_AUTH_JWKS      the signer's public keys: an https URL, or a file
`saga up` sets them for the local stack. More is in docs/authentication.md."""

WORKS_IN_NO_VERSION = """\
The API does not start with --work and TEMPORAL_WORKER_BUILD_ID: what it begins with the answer to
its start goes to its own code, whatever version new orders are to go to (docs/rollout.md)."""

LONGEST_AUTHENTICATION = 20 * 60  # seconds: the saga has half an hour for everything

Connecting = Callable[..., Awaitable[Client]]  # `connect` with all but `lazy`


class ApiSettings(BaseSettings):
    """How the API treats orders, and where its pages lead."""

    temporal_ui_url: str = Field(
        default="http://127.0.0.1:8233", description="Where links to Temporal's Web UI lead"
    )
    fast_path: bool = Field(
        default=True,
        description="Whether a saga tries each step as a local activity first, which needs workers "
        "that have the services",
    )
    most_open_sagas: int = Field(
        default=MOST_OPEN,
        ge=1,
        description="How many sagas may be open before new orders are refused for now (503)",
        json_schema_extra={"unit": "sagas"},
    )
    authenticate_within: int = Field(
        default=AUTHENTICATE_WITHIN,
        ge=10,
        le=LONGEST_AUTHENTICATION,
        description="How long customers have to authenticate a payment, before the order is timed "
        "out",
        json_schema_extra={"unit": "seconds"},
    )
    api_handbook: Path = Field(
        default=Path(".build/handbook/site"),
        description="Where `make docs` has built the site that is served at `/handbook/`",
        json_schema_extra={"unit": "a folder"},
    )


class EventPlace(BaseSettings):
    """EVENT_DATABASE_URL, where webhooks are; without, there are none."""

    event_database_url: DatabaseUrl | None = Field(default=None, description=EVENTS)


class AuthSettings(BaseSettings):
    """Whose tokens the API takes: API_AUTH_ISSUER, API_AUTH_AUDIENCE and API_AUTH_JWKS.

    There are no defaults for these: without keys, nobody could be told from anybody else.
    """

    api_auth_issuer: str = Field(min_length=1, description="The claim iss, exactly")
    api_auth_audience: str = Field(min_length=1, description="One of the claim aud, exactly")
    api_auth_jwks: str = Field(min_length=1, description="URL or file of the public keys (JWKS)")
    api_auth_leeway: float = Field(
        default=10.0,
        ge=0,
        le=MAX_LEEWAY,
        description="How much clocks may differ",
        json_schema_extra={"unit": "seconds"},
    )
    api_auth_max_token_bytes: int = Field(
        default=MAX_BYTES,
        ge=256,
        le=16384,
        description="How long a token may be",
        json_schema_extra={"unit": "bytes"},
    )


def auth_settings() -> AuthSettings:
    """Whose tokens are taken. Ends the program, saying what to set, if nobody's could be."""
    try:
        settings = AuthSettings()
    except ValidationError as error:
        faults = [f"{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()]
        sys.exit("\n".join([WITHOUT_KEYS, *faults]))
    try:
        demand_usable(settings.api_auth_jwks)
    except (OSError, ValueError) as error:
        sys.exit(f"{WITHOUT_KEYS}\nAPI_AUTH_JWKS: {settings.api_auth_jwks}: {error}")
    return settings


@asynccontextmanager
async def open_backend(
    settings: ApiSettings,
    auth: AuthSettings,
    locations: ServiceLocations,
    to_temporal: Connecting,
    *,
    work: bool,
) -> AsyncIterator[Backend]:
    """The backend by these settings. Connections are made when first needed.

    With `work` there are workers in this process: orders that are accepted here are begun here,
    with the answer to their start (docs/adr/0061-eager-start.md).
    """
    orders = locations.databases.get("order")  # a remote service gives no notification
    notifications = NotificationListener(orders, ORDER_EVENTS) if orders else None
    client = await to_temporal(lazy=True)
    async with (
        open_keys(auth.api_auth_jwks) as keys,
        open_services_at(
            locations, "api", observe=make_observer(breakers_of(locations))
        ) as services,
        open_webhooks(EventPlace().event_database_url) as webhooks,
    ):
        verifier = Verifier(
            keys,
            issuer=auth.api_auth_issuer,
            audience=auth.api_auth_audience,
            leeway=auth.api_auth_leeway,
            max_bytes=auth.api_auth_max_token_bytes,
        )
        backend = Backend.of(
            client,
            services,
            verifier,
            settings.temporal_ui_url,
            notifications=notifications,
            fast_path=settings.fast_path,
            most_open=settings.most_open_sagas,
            authenticate_within=settings.authenticate_within,
            webhooks=webhooks,
            plain_webhooks=bool(WebhookSettings().allowed),
            watch_troubles=True,
        )
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(claiming(client, services.orders, _give_up))
            if work:
                sagas = backend.sagas
                joining = working_inside(
                    to_temporal, services, sagas.start_by, _give_up, sagas.closings.note
                )
                await stack.enter_async_context(joining)
            yield backend


def _give_up() -> None:
    """A part of this process cannot go on: end it, so that whoever watches starts another."""
    signal.raise_signal(signal.SIGTERM)


def run_api(
    extend: Callable[[Opening], Opening] = lambda opening: opening, *installs: Install
) -> None:
    """Serve the API by the command line and the environment, until it is told to stop.

    `extend` adds to the backend what the routes of `installs` need.
    """
    options = _parse_arguments()
    if options.work and VersionSettings().temporal_worker_build_id:
        sys.exit(WORKS_IN_NO_VERSION)
    if options.work and (wrong := findings()):
        sys.exit("\n".join(str(finding) for finding in wrong))
    allow_many_connections()
    settings, auth = ApiSettings(), auth_settings()
    locations = ServiceLocationSettings().locations()
    try:
        demand_keys()
    except KeysUnusable as error:
        sys.exit(str(error))
    with telemetry_of("api", replay_safe) as telemetry:
        runtime = runtime_of(options.metrics_port, json_logs=telemetry.json_logs)
        client = partial(connect, runtime=runtime, identity="api", plugins=plugins(telemetry))
        opening = partial(open_backend, settings, auth, locations, client, work=options.work)
        app = create_app(extend(opening), *installs)
        serve_handbook(app, settings.api_handbook)
        serve(app, options.host, options.port, options.drain)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="saga-api", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default=8000, type=int)
    parser.add_argument("--work", action="store_true", help="work on all task queues here too")
    parser.add_argument(
        "--metrics-port", type=int, help="serve metrics of Temporal's SDK on loopback"
    )
    drain_option(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_api()
