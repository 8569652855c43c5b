"""Which errors of the driver mean that trying again later may help.

They come as the driver raises them, as SQLAlchemy's adapter does (while a pool connects), and as
SQLAlchemy's own (from its connections): `find_driver_error` finds the first in the others.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from saga.participant import Unavailable
from saga.participant.errors import describe_error

READ_ONLY = "25006"  # what a standby says to a write, and a primary that was demoted
LOCK_NOT_AVAILABLE = "55P03"
# By their SQLSTATE class: connection, transaction rollback, resources, operator intervention; and
# a lock that was waited for in vain, an idle transaction's end, a server that is no primary.
TRANSIENT_SQLSTATES = ("08", "40", "53", "57", LOCK_NOT_AVAILABLE, "25P03", READ_ONLY)

# InternalClientError: the server ended a session that was asked for something just then.
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
AWAY = (OSError, TimeoutError, PoolTimeoutError, asyncpg.InternalClientError)
POOL_CLOSED = "This connection is closed"  # the pool's word, when new ones were closed, too


@asynccontextmanager
async def translate_errors() -> AsyncIterator[None]:
    """Unavailable for what is transient; other errors go on as they are."""
    try:
        yield
    except Exception as error:
        if is_transient(error):
            raise Unavailable(f"database: {describe_error(error)}") from error
        raise


def is_transient(error: Exception) -> bool:
    """Whether trying again later may help."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    found = find_driver_error(error)
    if isinstance(found, asyncpg.InterfaceError):
        return not isinstance(found, ValueError)  # "connection is closed", unlike bad parameters
    if isinstance(found, InvalidRequestError):
        return str(found) == POOL_CLOSED
    return isinstance(found, AWAY) or read_sqlstate(found).startswith(TRANSIENT_SQLSTATES)


def find_driver_error(error: BaseException) -> BaseException:
    """What the driver raised, if this comes of that; else the error itself."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    if isinstance(error, AsyncAdapt_asyncpg_dbapi.Error) and error.__cause__ is not None:
        return error.__cause__
    return error


def read_sqlstate(error: BaseException) -> str:
    """Five characters; empty if the server did not say it."""
    return str(getattr(find_driver_error(error), "sqlstate", None) or "")
