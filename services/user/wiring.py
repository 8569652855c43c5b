"""Puts the user service together in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from contracts.users import UserService
from infrastructure.postgres.database import POOL_SIZE, Database
from infrastructure.security.key_ring import Keys
from services.schema import check_schema
from services.service_handle import ServiceHandle
from services.user.personal_data import PersonalDataCipher
from services.user.service import Users


@asynccontextmanager
async def open_service(
    url: str, *, pool_size: int = POOL_SIZE, keys: Keys | None = None
) -> AsyncIterator[ServiceHandle[UserService]]:
    """The service on this database; it connects when first needed, and closes at the end.

    `keys` wrap the keys of persons.
    """
    database = Database(url, pool_size=pool_size)
    try:
        yield ServiceHandle(
            Users(database, PersonalDataCipher.under(keys)),
            partial(check_schema, database, "user"),
        )
    finally:
        await database.close()
