"""The order in which all events are read: by transaction, then by position.

Events from before have transaction 0, so they are read first, in the order of their positions. The
default serves workers of the release before, which do not write the column.
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE events ADD COLUMN transaction_id bigint NOT NULL DEFAULT 0")
    op.execute(
        "ALTER TABLE events ALTER COLUMN transaction_id"
        " SET DEFAULT (pg_current_xact_id()::text)::bigint"
    )
    op.execute(
        "ALTER TABLE events DROP CONSTRAINT events_pkey,"
        " ADD CONSTRAINT events_pkey PRIMARY KEY (transaction_id, position)"
    )
