"""Time-outs of a consumer's handler, counted by themselves; who has caught up after a restore.

Only adds.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("failures", sa.Column("timeouts", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "bus_catch_ups",
        sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("service", sa.Text, primary_key=True),
    )
