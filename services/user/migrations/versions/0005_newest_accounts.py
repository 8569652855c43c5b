"""An index of accounts by when they were opened, for who lists them. Only adds."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_index("users_newest", "users", ["created_at", "id"])
