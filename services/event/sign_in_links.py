"""Links that sign in once: a random code for an operator's token, good for a minute.

The code is 256 random bits and is kept nowhere: a row is found by its hash, and the token in it is
sealed under a key that is made of it. So who reads the database, or a backup of it, has nothing.
See docs/adr/0161-one-time-sign-in.md.
"""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, func, insert

from infrastructure.postgres.database import Database
from infrastructure.security.envelope_encryption import decrypt, encrypt
from services.event.tables import sign_in_links as links

LIFETIME = timedelta(seconds=60)
CODE_BYTES = 32
PLACE = b"order-saga/sign-in-link"


class SignInLinks:
    """Those of all API processes on this database. One method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, token: str) -> str:
        """A new code for this token. Links that have expired are forgotten on the way."""
        code = secrets.token_urlsafe(CODE_BYTES)
        values = {
            "code_hash": _hash_code(code),
            "sealed_token": encrypt(_derive_key(code), token.encode(), PLACE),
            "expires_at": func.now() + LIFETIME,
        }
        async with self._database.transaction() as tx:
            await tx.execute(delete(links).where(links.c.expires_at <= func.now()))
            await tx.execute(insert(links).values(values))
        return code

    async def redeem(self, code: str) -> str | None:
        """The token of this code, the first time within LIFETIME; else None."""
        good = links.c.expires_at > func.now()
        taken = (
            delete(links)
            .where(links.c.code_hash == _hash_code(code))
            .returning(links.c.sealed_token, good.label("is_good"))
        )
        async with self._database.statement() as tx:
            row = (await tx.execute(taken)).mappings().one_or_none()
        if row is None or not row["is_good"]:
            return None
        return decrypt(_derive_key(code), row["sealed_token"], PLACE).decode()


def _hash_code(code: str) -> str:
    return hashlib.sha256(b"row of a sign-in link:" + code.encode()).hexdigest()


def _derive_key(code: str) -> bytes:
    """Of a code that is random throughout, so one hash makes a key of it."""
    return hashlib.sha256(b"key of a sign-in link:" + code.encode()).digest()
