"""What was accepted, so that a repeated request is answered after Temporal has forgotten it.

Only adds, and allows NULL: workers of the release before go on writing rows without these.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("orders", sa.Column("fingerprint", sa.Text))
    op.add_column("orders", sa.Column("accepted_at", sa.DateTime(timezone=True)))
