"""The user database. It needs no barrier: validating has no effect."""

from sqlalchemy import Boolean, Column, DateTime, Index, LargeBinary, MetaData, Table, Text, func

from infrastructure.messaging.outbox import outbox_table, set_aside_table

metadata = MetaData()

# `name` and `email` are of the release before, and empty where `sealed` is there.
users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("email", Text, nullable=False, server_default=""),
    Column("active", Boolean, nullable=False, server_default="true"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("sealed", LargeBinary),
    Column("erased_at", DateTime(timezone=True)),
    Index("users_newest", "created_at", "id"),
)

# Kept out of backups that live long: what is in them is read by these keys alone. `key_id` names
# the key that `key` is wrapped under, if it is.
subject_keys = Table(
    "subject_keys",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("key_id", Text),
    Column("key", LargeBinary, nullable=False),
)

outbox = outbox_table(metadata)
set_aside = set_aside_table(metadata)
