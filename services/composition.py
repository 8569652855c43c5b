"""Brings the four services together, each in this process or somewhere else; for composition roots.

A service at a URL is called over HTTP, behind a circuit breaker, with a token for it alone.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from contracts.barrier_records import StepRecorder
from contracts.inventory import InventoryService
from contracts.names import DATABASES, SERVICES, STEP_RECORDERS
from contracts.orders import OrderService
from contracts.payments import PaymentService
from contracts.users import UserService
from infrastructure.http.circuit_breaker import Breaker, Observer, ignore_state
from infrastructure.rpc.client import ServiceClient, open_client, remote
from infrastructure.rpc.tokens import Bearer
from infrastructure.security.access_tokens import Issuer
from infrastructure.settings import DatabaseSettings, ProviderSettings
from services.inventory import wiring as inventory
from services.locations import ServiceLocations
from services.order import wiring as order
from services.payment import wiring as payment
from services.service_handle import ServiceHandle
from services.user import wiring as user

PROTOCOLS: Mapping[str, type] = {
    "user": UserService,
    "order": OrderService,
    "inventory": InventoryService,
    "payment": PaymentService,
}
Opening = AbstractAsyncContextManager[ServiceHandle[Any]]
LOCAL: Mapping[str, Callable[[str], Opening]] = {
    "order": order.open_service,
    "inventory": inventory.open_service,
}

# Seconds for one call, each less than an attempt of the activities that make it: an attempt of a
# payment has 10 s, all others have 5 s.
DEADLINES = {**dict.fromkeys(SERVICES, 4.5), "payment": 9.5}


@dataclass(frozen=True)
class Services:
    """The services, as the rest of the program sees them: each by the name of its task queue.

    `probes` tell, by name, whether what a service needs answers: they raise Unavailable if not.
    """

    users: UserService
    orders: OrderService
    inventory: InventoryService
    payments: PaymentService
    probes: Mapping[str, Callable[[], Awaitable[None]]]

    def step_recorders(self) -> Mapping[str, StepRecorder]:
        """Those that keep a record of sagas' steps, by name."""
        return {service: getattr(self, SERVICES[service]) for service in STEP_RECORDERS}


@asynccontextmanager
async def open_services(
    settings: DatabaseSettings, provider: ProviderSettings
) -> AsyncIterator[Services]:
    """All services in this process."""
    async with open_services_at(
        ServiceLocations.local(settings, provider), "in-process"
    ) as services:
        yield services


@asynccontextmanager
async def open_services_at(
    locations: ServiceLocations, subject: str, *, observe: Observer = ignore_state
) -> AsyncIterator[Services]:
    """The services, each where it is; connections are made when needed and closed at the end.

    `subject` is who we are to services at URLs. `observe` hears of every breaker's state.
    """
    async with AsyncExitStack() as stack:
        found: dict[str, ServiceHandle[Any]] = {}
        probes: dict[str, Callable[[], Awaitable[None]]] = {}
        for service in PROTOCOLS:
            found[service] = await stack.enter_async_context(
                _open(service, locations, subject, observe)
            )
            probes[_probe_name(service, locations)] = found[service].ready
        known = {SERVICES[service].value: handle.service for service, handle in found.items()}
        yield Services(**known, probes=probes)


def _open(service: str, locations: ServiceLocations, subject: str, observe: Observer) -> Opening:
    url = locations.databases.get(service)
    if url is None and locations.issuer is not None:
        remote_at = partial(
            open_remote, service, locations.urls[service], locations.issuer, subject
        )
        return remote_at(observe, authorities=locations.authorities)
    if service == "payment" and locations.provider is not None:
        return payment.open_service(str(url), locations.provider, observe=observe)
    if service == "user":
        return user.open_service(str(url), keys=locations.user_keys)
    return LOCAL[service](str(url))


@asynccontextmanager
async def open_remote(
    service: str,
    url: str,
    issuer: Issuer,
    subject: str,
    observe: Observer = ignore_state,
    *,
    authorities: Path | None = None,
) -> AsyncIterator[ServiceHandle[Any]]:
    """A service at a URL: has the methods of its Protocol."""
    async with open_client(url, authorities) as http:
        client = ServiceClient(
            service,
            http,
            Bearer(issuer, service, subject),
            Breaker(breaker_of(service), observe=observe),
            deadline=DEADLINES[service],
        )
        yield ServiceHandle(remote(PROTOCOLS[service], client), client.ready)


def breakers_of(locations: ServiceLocations) -> list[str]:
    """The names of the circuit breakers that these services have in this process."""
    ours = [payment.PROVIDER] if locations.provider is not None else []
    return [breaker_of(service) for service in locations.urls] + ours


def breaker_of(service: str) -> str:
    """The name of the breaker in front of a service at a URL."""
    return f"{service}_service"


def _probe_name(service: str, locations: ServiceLocations) -> str:
    """What /health/ready calls it."""
    if service in locations.urls:
        return f"{service}_service"
    return f"{DATABASES[service]}_database"
