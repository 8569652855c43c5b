"""Makes the four services in one process, each with its own database; for composition roots."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from contracts.inventory import InventoryService
from contracts.orders import OrderService
from contracts.payments import PaymentService
from contracts.users import UserService
from infrastructure.database import Database
from infrastructure.settings import DatabaseSettings, ProviderSettings
from services.inventory.service import Inventory
from services.order.service import Orders
from services.payment.provider import Provider
from services.payment.service import Payments
from services.user.service import Users


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
        "users_database": Database(settings.user_database_url),
        "orders_database": Database(settings.order_database_url),
        "inventory_database": Database(settings.inventory_database_url),
        "payments_database": Database(settings.payment_database_url),
    }
    gateway = Provider(provider)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(gateway.close)
        for database in databases.values():
            stack.push_async_callback(database.close)
        yield Services(
            users=Users(databases["users_database"]),
            orders=Orders(databases["orders_database"]),
            inventory=Inventory(databases["inventory_database"]),
            payments=Payments(databases["payments_database"], gateway),
            probes={name: database.ping for name, database in databases.items()},
        )
