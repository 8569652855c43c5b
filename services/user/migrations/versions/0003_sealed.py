"""Personal data, sealed under a key of its own for each person.

Only adds. Code of the release before goes on: what it writes in the clear is sealed by the next
`saga-encrypt-users`; of accounts that are sealed it sees an empty name. A later
release drops the two columns.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("users", sa.Column("sealed", sa.LargeBinary))
    op.add_column("users", sa.Column("erased_at", sa.DateTime(timezone=True)))
    for name in ("name", "email"):
        op.alter_column("users", name, server_default="")
    op.create_table(
        "subject_keys",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("key_id", sa.Text),
        sa.Column("key", sa.LargeBinary, nullable=False),
    )
