"""Makes the four services in one process, each with its own database; for composition roots."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from contracts.inventory import InventoryService
from contracts.orders import OrderService
from contracts.payments import PaymentService
from contracts.users import UserService
from infrastructure.database import Database
from infrastructure.migrations import check
from infrastructure.settings import DatabaseSettings, ProviderSettings
from services.inventory.service import Inventory
from services.migrate import SERVICES, migrations_of
from services.order.service import Orders
from services.payment.provider import Provider
from services.payment.service import Payments
from services.user.service import Users

PROBES = {
    "users_database": "user",
    "orders_database": "order",
    "inventory_database": "inventory",
    "payments_database": "payment",
}


@dataclass(frozen=True)
class Services:
    """The services, as the rest of the program sees them.

    `probes` tell, by name, whether what a service needs answers: they raise Unavailable if not.
    """

    users: UserService
    orders: OrderService
    inventory: InventoryService
    payments: PaymentService
    probes: Mapping[str, Callable[[], Awaitable[None]]]


@asynccontextmanager
async def open_services(
    settings: DatabaseSettings, provider: ProviderSettings
) -> AsyncIterator[Services]:
    """The services in process; their connections are opened when needed and closed at the end."""
    databases = {
        service: Database(getattr(settings, f"{service}_database_url")) for service in SERVICES
    }
    gateway = Provider(provider)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(gateway.close)
        for database in databases.values():
            stack.push_async_callback(database.close)
        yield Services(
            users=Users(databases["user"]),
            orders=Orders(databases["order"]),
            inventory=Inventory(databases["inventory"]),
            payments=Payments(databases["payment"], gateway),
            probes={
                name: partial(check, databases[service], migrations_of(service))
                for name, service in PROBES.items()
            },
        )
