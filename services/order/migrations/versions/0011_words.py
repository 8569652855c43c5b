"""An index of all that operators said of blocked steps, a retry included. Only adds."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_index(
        "events_words",
        "events",
        [sa.text("recorded_at DESC")],
        postgresql_where=sa.text("data ? 'who'"),
    )
