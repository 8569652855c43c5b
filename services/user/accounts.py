"""Lists of accounts, for people who look on: without personal data, which nobody has to open."""

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.opaque import moment, name, seal, unseal
from contracts.users import Account, AccountPage
from services.user.tables import users


async def page(tx: AsyncConnection, *, limit: int, cursor: str | None) -> AccountPage:
    """A page, newest first, by keyset. Rejected `invalid_cursor`."""
    erased = users.c.erased_at.is_not(None).label("erased")
    statement = select(users.c.id, users.c.active, users.c.created_at, erased)
    if cursor is not None:
        before = tuple_(*unseal(cursor, moment, name))
        statement = statement.where(tuple_(users.c.created_at, users.c.id) < before)
    newest = statement.order_by(users.c.created_at.desc(), users.c.id.desc())
    rows = (await tx.execute(newest.limit(limit + 1))).mappings().all()
    items = tuple(Account(**row) for row in rows[:limit])
    more = len(rows) > limit
    return AccountPage(items=items, next_cursor=_make_cursor(items[-1]) if more else None)


def _make_cursor(last: Account) -> str:
    return seal(last.created_at.isoformat(), last.id)
