"""Epochs of the order of all events: positions grow though the database is restored.

Only adds: a trigger gives the events that the release before writes their epoch too.
"""

import sqlalchemy as sa
from alembic import op

from infrastructure.eventstore.epochs import installation

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "event_epochs",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("database", sa.Text, nullable=False),
        sa.Column(
            "began_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
    )
    for statement in installation("events"):
        op.execute(statement)
