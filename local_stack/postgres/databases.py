"""What is in the stack's PostgreSQL: a role and a database for each service, and walls between.

A role owns the database of its name and cannot log in to another's. Tables are the migrations'.
"""

import asyncpg

from local_stack.errors import StartFailed
from local_stack.secrets.passwords import Credentials
from local_stack.supervision.child import Check

HOST = "127.0.0.1"
ATTEMPT = 5.0


async def _connect(port: int, password: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=HOST,
        port=port,
        user="postgres",
        database="postgres",
        password=password,
        ssl=False,  # says so, because asyncpg would obey the user's PGSSLMODE
        timeout=ATTEMPT,
    )


def answering(port: int, password: str) -> Check:
    """Whether the server lets its superuser in."""

    async def check() -> bool:
        try:
            connection = await _connect(port, password)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    return check


async def provision(port: int, credentials: Credentials) -> None:
    """Make what is missing; safe to repeat, also after an attempt that was cut short."""
    try:
        await _provision(port, credentials)
    except asyncpg.PostgresError as error:
        raise StartFailed("databases", str(error)) from error


async def _provision(port: int, credentials: Credentials) -> None:
    connection = await _connect(port, credentials.superuser)
    try:
        roles = {row[0] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        present = {row[0] for row in await connection.fetch("SELECT datname FROM pg_database")}
        for role, password in credentials.roles.items():
            if role not in roles:
                await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
            if role not in present:
                await connection.execute(f"CREATE DATABASE {role} OWNER {role}")
        for database in (*credentials.roles, "postgres", "template1"):
            await connection.execute(f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC")
    finally:
        await connection.close()
