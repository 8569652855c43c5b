"""Persons are sealed under keys of their own; who is erased is gone, from old backups too."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import select

from contracts.users import NewUser
from infrastructure.postgres.database import Database
from infrastructure.security.key_ring import FixedKeys, Keys
from infrastructure.settings import DatabaseSettings
from saga.participant import Unavailable
from services.user.encrypt_existing import BATCH, seal_all
from services.user.personal_data import PersonalDataCipher
from services.user.service import Users
from services.user.tables import outbox
from tests.codec.rings import NEW, OLD, ring

ADA = NewUser(name="Ada Canary", email="canary@example.com")
WITH_KEYS = [None, FixedKeys(ring(NEW))]
TABLES = ("users", "subject_keys", "outbox")


@pytest_asyncio.fixture
async def raw(databases: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    """The user database as its administrator sees it, or whoever has a backup."""
    connection = await asyncpg.connect(databases.user_database_url.replace("+asyncpg", ""))
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def database(databases: DatabaseSettings) -> AsyncIterator[Database]:
    opened = Database(databases.user_database_url)
    yield opened
    await opened.close()


async def dumped(raw: asyncpg.Connection, *tables: str) -> str:
    """All rows of these tables, as a backup has them."""
    rows = [await raw.fetch(f"SELECT row_to_json(t)::text AS row FROM {item} t") for item in tables]
    return "\n".join(row["row"] for table in rows for row in table)


async def before(raw: asyncpg.Connection, number: int) -> None:
    """Rows as the release before wrote them."""
    rows = [
        (f"usr_{item}", f"Ada Canary {item}", f"canary{item}@example.com") for item in range(number)
    ]
    await raw.executemany("INSERT INTO users (id, name, email) VALUES ($1, $2, $3)", rows)


@pytest.mark.parametrize("keys", WITH_KEYS)
async def test_a_backup_holds_cipher_text_only(
    database: Database, raw: asyncpg.Connection, keys: Keys | None
) -> None:
    ada = await Users(database, PersonalDataCipher.under(keys)).create(ADA)
    assert ada.id in await dumped(raw, *TABLES)
    assert "canary" not in (await dumped(raw, *TABLES)).lower()
    assert await Users(database, PersonalDataCipher.under(keys)).get(ada.id) == ada


@pytest.mark.parametrize("keys", WITH_KEYS)
async def test_who_is_erased_cannot_be_read_from_a_backup_either(
    database: Database, raw: asyncpg.Connection, keys: Keys | None
) -> None:
    """A backup, as the page has it, leaves out the persons' keys."""
    users = Users(database, PersonalDataCipher.under(keys))
    ada, eve = await users.create(ADA), await users.create(ADA)
    backup = await raw.fetch("SELECT * FROM users")
    await users.erase(ada.id)
    assert [item["user_id"] for item in await raw.fetch("SELECT user_id FROM subject_keys")] == [
        eve.id
    ]
    await raw.execute("TRUNCATE users")
    for row in backup:
        names = ", ".join(row.keys())
        values = ", ".join(f"${number + 1}" for number in range(len(row)))
        await raw.execute(f"INSERT INTO users ({names}) VALUES ({values})", *row.values())
    assert await users.get(eve.id) == eve
    with pytest.raises(Unavailable):
        await users.get(ada.id)


async def test_persons_keys_are_wrapped_and_older_keys_unwrap_them(database: Database) -> None:
    ada = await Users(database, PersonalDataCipher.under(FixedKeys(ring(OLD)))).create(ADA)
    assert (
        await Users(database, PersonalDataCipher.under(FixedKeys(ring(OLD, NEW)))).get(ada.id)
        == ada
    )
    for keys in (FixedKeys(ring(NEW)), None):
        with pytest.raises(Unavailable):
            await Users(database, PersonalDataCipher.under(keys)).get(ada.id)


async def test_sealed_data_of_one_person_does_not_open_as_anothers(
    database: Database, raw: asyncpg.Connection
) -> None:
    users = Users(database)
    ada, eve = await users.create(ADA), await users.create(ADA)
    await raw.execute(
        "UPDATE users SET sealed = (SELECT sealed FROM users WHERE id = $1) WHERE id = $2",
        ada.id,
        eve.id,
    )
    await raw.execute(
        "UPDATE subject_keys SET key = (SELECT key FROM subject_keys WHERE user_id = $1)"
        " WHERE user_id = $2",
        ada.id,
        eve.id,
    )
    with pytest.raises(Unavailable):
        await users.get(eve.id)


async def test_accounts_of_the_release_before_are_read_erased_and_sealed(
    databases: DatabaseSettings, database: Database, raw: asyncpg.Connection
) -> None:
    number = BATCH + 5
    await before(raw, number)
    users = Users(database)
    assert (await users.get("usr_1")).email == "canary1@example.com"
    assert (await users.erase("usr_2")).erased
    assert await seal_all(databases.user_database_url, PersonalDataCipher()) == number - 1
    assert await seal_all(databases.user_database_url, PersonalDataCipher()) == 0
    assert "canary" not in (await dumped(raw, *TABLES)).lower()
    assert (await users.get("usr_1")).email == "canary1@example.com"
    assert (await users.get("usr_2")).email == ""


async def test_code_of_the_release_before_goes_on_beside_this(
    database: Database, raw: asyncpg.Connection
) -> None:
    """Its statements: both columns are there, never NULL."""
    ada = await Users(database).create(ADA)
    old = "SELECT id, name, email, active, created_at FROM users WHERE id = $1"
    row = await raw.fetchrow(old, ada.id)
    assert (row["name"], row["active"]) == ("", True)
    await before(raw, 1)
    await raw.execute("UPDATE users SET active = false WHERE id = 'usr_0'")
    assert not (await Users(database).get("usr_0")).active


async def test_an_erasure_is_published_once_by_id_alone(database: Database) -> None:
    users = Users(database)
    ada = await users.create(ADA)
    for _ in range(2):
        await users.erase(ada.id)
    async with database.transaction() as tx:
        told = (await tx.execute(select(outbox.c.type, outbox.c.data))).all()
    assert [line.type for line in told] == ["user.created", "user.erased"]
    assert told[-1].data == {"user_id": ada.id}
