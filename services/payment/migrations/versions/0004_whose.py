"""Whose payments these are at the provider, and under which keys they are charged.

Only adds. A payment without an installation has the keys that the releases before gave it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("one", sa.Boolean, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column(
            "made_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.CheckConstraint("one", name="installation_one"),
    )
    for name in ("installation", "create_key", "confirm_key"):
        op.add_column("payments", sa.Column(name, sa.Text))
