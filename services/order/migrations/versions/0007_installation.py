"""The table of the installation's id. Only adds."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


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
