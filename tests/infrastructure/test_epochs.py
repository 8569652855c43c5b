"""A database's epoch tells that it was restored, and an installation's id goes with the rows."""

from uuid import uuid4

from sqlalchemy import text

from infrastructure.postgres.database import Database
from infrastructure.postgres.epochs import epoch_of
from infrastructure.postgres.installation import installation_id
from services.order.tables import installation
from tests.support.databases import Server


async def asked(url: str) -> tuple[str, int, str]:
    """Its epoch and its installation."""
    database = Database(url.replace("postgresql://", "postgresql+asyncpg://"))
    try:
        async with database.transaction() as tx:
            ours = await installation_id(tx, installation)
            epoch = await epoch_of(tx)
        return epoch.database, epoch.transaction, ours
    finally:
        await database.close()


async def test_an_epoch_stays_until_the_database_is_restored(server: Server) -> None:
    url = str((await server.databases()).order_database_url)
    name = url.rpartition("/")[2]
    first, earlier, ours = await asked(url)
    again, later, still_ours = await asked(url)
    assert (first, ours) == (again, still_ours)
    assert later > earlier
    copy = f"{name}_copy"
    await server.execute(f"CREATE DATABASE {copy} TEMPLATE {name}")
    restored, _, its = await asked(server.url(copy))
    assert restored != first
    assert its == ours


async def test_an_ordinary_role_may_ask_for_the_epoch(server: Server) -> None:
    url = str((await server.databases()).order_database_url)
    role = f"role_{uuid4().hex[:8]}"
    await server.execute(f"CREATE ROLE {role} NOSUPERUSER")
    database = Database(url)
    async with database.transaction() as tx:
        theirs = await epoch_of(tx)
        await tx.execute(text(f"SET LOCAL ROLE {role}"))
        assert (await epoch_of(tx)).database == theirs.database
    await database.close()


async def test_what_a_role_may_not_ask_is_left_out_of_the_epoch(server: Server) -> None:
    settings = await server.databases()
    url = str(settings.order_database_url)
    role = f"role_{uuid4().hex[:8]}"
    database = Database(url)
    async with database.transaction() as tx:
        await tx.execute(text(f"CREATE ROLE {role} NOSUPERUSER"))
        await tx.execute(text("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"))
        whole = await epoch_of(tx)
        await tx.execute(text(f"SET LOCAL ROLE {role}"))
        assert whole.database.startswith((await epoch_of(tx)).database)
        await tx.execute(text("RESET ROLE"))
        await tx.execute(text("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC"))
    await database.close()
