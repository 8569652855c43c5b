"""Snapshots: an aggregate's state as of a version, so that a long history is not read whole.

A snapshot is a copy that may be deleted at any time. Its `schema` is that of the state's form: one
of another schema is not read, and is written over in time.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    Integer,
    MetaData,
    ScalarSelect,
    Table,
    Text,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection


def snapshots_table(metadata: MetaData) -> Table:
    """The table `snapshots`: the newest of each stream, if it has one."""
    return Table(
        "snapshots",
        metadata,
        Column("stream_id", Text, primary_key=True),
        Column("schema", Integer, nullable=False),
        Column("version", Integer, nullable=False),
        Column("state", JSONB, nullable=False),
        Column("taken_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


class Snapshots:
    """Snapshots of one kind of aggregate, taken whenever `every` more events are there."""

    def __init__(self, table: Table, *, schema: int, every: int) -> None:
        self._table = table
        self._schema = schema
        self._every = every

    def state(self) -> ScalarSelect[Any]:
        """The state, or NULL, as a part of a statement with the parameter `its_stream`."""
        return self._its(self._table.c.state)

    def version(self) -> ColumnElement[int]:
        """The state's version, or 0, likewise: read the history behind it."""
        return func.coalesce(self._its(self._table.c.version), 0)

    def is_due(self, before: int, now: int) -> bool:
        """Whether the versions from `before` to `now` pass a multiple."""
        return before // self._every != now // self._every

    async def take(
        self, tx: AsyncConnection, stream_id: str, before: int, now: int, state: Callable[[], Any]
    ) -> None:
        """Write one if it is time."""
        if not self.is_due(before, now):
            return
        values = {"schema": self._schema, "version": now, "state": state()}
        statement = insert(self._table).values(stream_id=stream_id, **values)
        await tx.execute(
            statement.on_conflict_do_update(
                index_elements=["stream_id"], set_=values | {"taken_at": func.now()}
            )
        )

    def _its(self, column: Column[Any]) -> ScalarSelect[Any]:
        row = self._table.c
        stream = bindparam("its_stream", type_=Text)
        mine = select(column).where(row.stream_id == stream, row.schema == self._schema)
        return mine.scalar_subquery()
