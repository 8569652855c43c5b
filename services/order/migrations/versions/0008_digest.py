"""What each row of the barrier was asked for, as a digest. Only adds: older rows have none."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("barrier", sa.Column("digest", sa.Text))
