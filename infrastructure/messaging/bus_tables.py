"""The tables of the bus on PostgreSQL, in the database `event`."""

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Identity,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    column,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert

from infrastructure.eventstore.table import THIS_TRANSACTION

# How far each subscription is behind. A lane without a position is behind all that is in it. The
# log's index gives each lane's oldest, and so many are counted of a lane, lest a look read it all.
COUNTED = 10_000
LAGS = text(f"""
SELECT s.subscription, coalesce(sum(waiting.count), 0)::bigint,
       coalesce(extract(epoch FROM clock_timestamp() - min(oldest.taken_at)), 0)::float
FROM (SELECT DISTINCT subscription FROM bus_positions) s
CROSS JOIN generate_series(0, CAST(:lanes AS integer) - 1) AS lanes(number)
LEFT JOIN bus_positions p ON p.subscription = s.subscription AND p.lane = lanes.number
LEFT JOIN LATERAL (
    SELECT e.taken_at FROM bus_events e WHERE e.lane = lanes.number
        AND (e.transaction_id, e.position)
            > (coalesce(p.transaction_id, 0), coalesce(p.position, 0))
    ORDER BY e.transaction_id, e.position LIMIT 1
) oldest ON true
LEFT JOIN LATERAL (
    SELECT count(*) FROM (
        SELECT FROM bus_events e WHERE e.lane = lanes.number
            AND (e.transaction_id, e.position)
                > (coalesce(p.transaction_id, 0), coalesce(p.position, 0))
        LIMIT {COUNTED}
    ) capped
) waiting ON true
GROUP BY s.subscription ORDER BY s.subscription
""")  # noqa: S608 - a number of ours
# An event that a known subscription has not passed yet is kept, however old it is.
PASSED: ColumnElement[bool] = literal_column(
    """
NOT EXISTS (
    SELECT FROM (SELECT DISTINCT subscription FROM bus_positions) s
    LEFT JOIN bus_positions p ON p.subscription = s.subscription AND p.lane = bus_events.lane
    WHERE (bus_events.transaction_id, bus_events.position)
        > (coalesce(p.transaction_id, 0), coalesce(p.position, 0))
)""",
    Boolean,
)


@dataclass(frozen=True)
class BusTables:
    """The log of events, and how far each subscription is in each lane of it."""

    events: Table
    positions: Table


def bus_tables(metadata: MetaData) -> BusTables:
    """The tables `bus_events` and `bus_positions`."""
    this_transaction = literal_column(THIS_TRANSACTION, BigInteger)
    return BusTables(
        Table(
            "bus_events",
            metadata,
            Column("lane", SmallInteger, nullable=False),
            Column("transaction_id", BigInteger, nullable=False, server_default=this_transaction),
            Column("position", BigInteger, Identity(always=True), nullable=False),
            Column("event_id", Text, nullable=False),
            Column("again", BigInteger, nullable=False, server_default="0"),
            Column("event", JSONB, nullable=False),
            Column("taken_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
            PrimaryKeyConstraint("lane", "transaction_id", "position", name="bus_events_pkey"),
            UniqueConstraint("event_id", "again", name="bus_events_once"),
        ),
        Table(
            "bus_positions",
            metadata,
            Column("subscription", Text, primary_key=True),
            Column("lane", SmallInteger, primary_key=True),
            Column("transaction_id", BigInteger, nullable=False),
            Column("position", BigInteger, nullable=False),
            Column("retry_at", DateTime(timezone=True), nullable=False),
        ),
    )


def appending(events: Table) -> Insert:
    """Append any number of events, in their order, that are not there; made once.

    The parameters: `new_events` with the `lane` and the `event` of each, and `again`.
    """
    given = func.jsonb_array_elements(bindparam("new_events", type_=JSONB)).table_valued(
        column("event", JSONB), with_ordinality="number", name="given"
    )
    new = given.render_derived()
    rows = select(
        new.c.event["lane"].as_integer(),
        new.c.event["event"]["id"].astext,
        bindparam("again", type_=BigInteger),
        new.c.event["event"],
    ).order_by(new.c.number)
    columns = ["lane", "event_id", "again", "event"]
    return insert(events).from_select(columns, rows).on_conflict_do_nothing()
