"""Links that sign an operator into the console once, in the event database: the API's only one."""

from sqlalchemy import Column, DateTime, LargeBinary, MetaData, Table, Text


def sign_in_links_table(metadata: MetaData) -> Table:
    """The table `sign_in_links`. A row opens nothing by itself: its code is not in it."""
    return Table(
        "sign_in_links",
        metadata,
        Column("code_hash", Text, primary_key=True),
        Column("sealed_token", LargeBinary, nullable=False),  # under a key made of the code
        Column("expires_at", DateTime(timezone=True), nullable=False),
    )
