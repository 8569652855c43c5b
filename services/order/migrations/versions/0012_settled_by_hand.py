"""What operators have settled of an order, in its row. Only adds; few orders have any."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"

# The words on record, each once, in the order in which they were first said.
FILL = """
UPDATE orders SET settled_by_hand = said.steps
FROM (
    SELECT stream_id, jsonb_agg(jsonb_build_object('step', step, 'action', action) ORDER BY first)
        AS steps
    FROM (
        SELECT stream_id, data ->> 'step' AS step, data ->> 'action' AS action,
            min(version) AS first
        FROM events
        WHERE data ? 'who' AND data ->> 'action' IN ('skip', 'mark_done')
        GROUP BY 1, 2, 3
    ) AS words
    GROUP BY stream_id
) AS said
WHERE orders.id = said.stream_id
"""


def upgrade() -> None:
    none = sa.text("'[]'")
    op.add_column(
        "orders", sa.Column("settled_by_hand", JSONB, nullable=False, server_default=none)
    )
    op.execute(FILL)
