"""`saga-encrypt-users`: seals personal data of the release before there were keys.

Once no process of that release runs.
"""

import asyncio

from pydantic import Field
from pydantic_settings import BaseSettings
from sqlalchemy import insert, select, update

from infrastructure.postgres.database import Database
from infrastructure.settings import DatabaseUrl, UserKeySettings
from services.user.personal_data import Personal, PersonalDataCipher
from services.user.tables import subject_keys, users

BATCH = 200


class Settings(BaseSettings):
    """Its database."""

    user_database_url: DatabaseUrl = Field(description="Its database")


async def seal_all(url: str, cipher: PersonalDataCipher) -> int:
    """Seal all that is in the clear; how many. Safe to repeat, and beside everything else."""
    database = Database(url, pool_size=1)
    try:
        done = 0
        while found := await _seal_some(database, cipher):
            done += found
    finally:
        await database.close()
    return done


async def _seal_some(database: Database, cipher: PersonalDataCipher) -> int:
    open_ones = select(users).where(users.c.sealed.is_(None), users.c.erased_at.is_(None))
    async with database.transaction() as tx:
        rows = (await tx.execute(open_ones.limit(BATCH).with_for_update())).mappings().all()
        for row in rows:
            personal = Personal(name=row["name"], email=row["email"])
            kept, sealed = cipher.seal(row["id"], personal)
            await tx.execute(insert(subject_keys).values(user_id=row["id"], **kept._asdict()))
            change = update(users).where(users.c.id == row["id"])
            await tx.execute(change.values(name="", email="", sealed=sealed))
    return len(rows)


def main() -> None:
    """Entry point: the user database and the keys that the environment names."""
    cipher = PersonalDataCipher.under(UserKeySettings().keys())
    asyncio.run(seal_all(Settings().user_database_url, cipher))


if __name__ == "__main__":
    main()
