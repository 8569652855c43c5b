"""An installation's id: which system the rows of a database belong to.

It is made once, with the table, and goes with the rows wherever they are restored. Two systems that
share something by mistake (a namespace of Temporal, an account of the payment provider) tell each
other apart by it.
"""

from uuid import uuid4

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, MetaData, Table, Text, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection


def installation_table(metadata: MetaData) -> Table:
    """The table `installation` of a service's own database: one row at most."""
    return Table(
        "installation",
        metadata,
        Column("one", Boolean, primary_key=True),
        Column("id", Text, nullable=False),
        Column("made_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        CheckConstraint("one", name="installation_one"),
    )


async def installation_id(tx: AsyncConnection, table: Table) -> str:
    """The id of this installation; whoever asks first makes it."""
    made = insert(table).values(one=True, id=f"ins_{uuid4().hex}")
    kept = made.on_conflict_do_update(index_elements=["one"], set_={"one": True})
    found: str = (await tx.execute(kept.returning(table.c.id))).scalar_one()
    return found
