"""Puts the inventory service together in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from contracts.inventory import InventoryService
from infrastructure.postgres.database import POOL_SIZE, Database
from services.inventory.service import Inventory
from services.schema import check_schema
from services.service_handle import ServiceHandle


@asynccontextmanager
async def open_service(
    url: str, *, pool_size: int = POOL_SIZE
) -> AsyncIterator[ServiceHandle[InventoryService]]:
    """The service on this database; it connects when first needed, and closes at the end."""
    database = Database(url, pool_size=pool_size)
    try:
        yield ServiceHandle(Inventory(database), partial(check_schema, database, "inventory"))
    finally:
        await database.close()
