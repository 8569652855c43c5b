"""Makes the four services in one process, each with its own database; for composition roots."""

from collections.abc import AsyncIterator
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
    """The services, as the rest of the program sees them."""

    users: UserService
    orders: OrderService
    inventory: InventoryService
    payments: PaymentService


@asynccontextmanager
async def open_services(
    databases: DatabaseSettings, provider: ProviderSettings
) -> AsyncIterator[Services]:
    """The services in process; their connections are opened when needed and closed at the end."""
    async with AsyncExitStack() as stack:

        def database(url: str) -> Database:
            opened = Database(url)
            stack.push_async_callback(opened.close)
            return opened

        gateway = Provider(provider)
        stack.push_async_callback(gateway.close)
        yield Services(
            users=Users(database(databases.user_database_url)),
            orders=Orders(database(databases.order_database_url)),
            inventory=Inventory(database(databases.inventory_database_url)),
            payments=Payments(database(databases.payment_database_url), gateway),
        )
