"""Removes rows that are older than so many days, a few at a time."""

from typing import Any

from sqlalchemy import Column, ColumnElement, delete, func, literal_column, select, true

from infrastructure.postgres.database import Database

AT_ONCE = 1000  # rows in a transaction, so that it is short


async def purge(
    database: Database,
    moment: Column[Any],
    days: float,
    only: ColumnElement[bool] = true(),  # noqa: B008 - it is never changed
) -> int:
    """Remove rows whose `moment` is longer ago, of these `only`; how many.

    Rows without a moment stay.
    """
    table = moment.table
    row: ColumnElement[str] = literal_column("ctid")
    old = moment < func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, days * 86400)
    some = select(row).select_from(table).where(old, only).limit(AT_ONCE)
    removed, more = 0, True
    while more:
        async with database.transaction() as tx:
            count = (await tx.execute(delete(table).where(row.in_(some)))).rowcount
        removed += count
        more = count == AT_ONCE
    return removed
