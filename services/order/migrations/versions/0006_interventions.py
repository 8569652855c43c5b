"""An index of what operators said of blocked steps. Only adds."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index(
        "events_interventions",
        "events",
        [sa.text("recorded_at DESC")],
        postgresql_where=sa.text("type = 'StepUnblocked' AND data ? 'who'"),
    )
