"""Epochs of the order of events: positions only grow, also when a database is restored.

Transaction ids belong to one server. Where a dump is loaded into another, they start again below
those of the restored rows, so a reader that goes by them would never see a new event. Therefore an
event's `transaction_id` carries an epoch above its lower 44 bits
(`contracts.event_records.EPOCH_BITS`). All of an older epoch comes before a newer one, in the
order it had. The first epoch is 0, so rows and positions of releases that knew no epochs stay what
they were.

The database keeps its epochs in `event_epochs`, with the marks by which it knows itself again:
server, timeline, its own object id and that of a table, which a reload makes anew. A trigger gives
each event its epoch, whichever release inserts it, and begins another epoch where the marks are not
those of the newest one. See docs/adr/0134-event-epochs.md.

The statements are a part of migrations that have run: change them by another migration only.
"""

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, func, text
from sqlalchemy.ext.asyncio import AsyncConnection

HORIZON = "(SELECT event_horizon())"  # a reader stops before it

# What belongs to the server is looked up once a session: it takes longer than an insertion.
IDENTITY = """
CREATE FUNCTION event_database() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    server text := current_setting('events.server', true);
BEGIN
    IF coalesce(server, '') = '' THEN
        SELECT oid::text INTO server FROM pg_database WHERE datname = current_database();
        IF has_function_privilege('pg_control_system()', 'execute') THEN
            server := server || ':' || (SELECT system_identifier FROM pg_control_system());
        END IF;
        server := server || ':' || left(pg_walfile_name(pg_current_wal_lsn()), 8);
        PERFORM set_config('events.server', server, false);
    END IF;
    RETURN server || ':' || coalesce(to_regclass('alembic_version')::oid::text, '');
END $$
"""
# The steps to the next number are random: a copy that was restored twice has other epochs each
# time, so positions of the one are unknown to the other.
EPOCH = """
CREATE FUNCTION event_epoch() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    ours text := event_database();
    newest event_epochs;
BEGIN
    SELECT * INTO newest FROM event_epochs ORDER BY number DESC LIMIT 1;
    IF newest.database = ours THEN
        RETURN newest.number;
    END IF;
    PERFORM pg_advisory_xact_lock(2828, 0);
    SELECT * INTO newest FROM event_epochs ORDER BY number DESC LIMIT 1;
    IF newest.database = ours THEN
        RETURN newest.number;
    END IF;
    INSERT INTO event_epochs (number, database)
        VALUES (coalesce(newest.number + 1 + floor(random() * 32)::int, 0), ours)
        RETURNING * INTO newest;
    RETURN newest.number;
END $$
"""
LIFT = """
CREATE FUNCTION event_in_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.transaction_id := greatest(
        NEW.transaction_id, (event_epoch() << 44) + pg_current_xact_id()::text::bigint
    );
    RETURN NEW;
END $$
"""
OLDEST_AT_WORK = """
CREATE FUNCTION event_horizon() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (coalesce(max(number), 0)::bigint << 44)
        + pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    FROM event_epochs
$$
"""


def epochs_table(metadata: MetaData) -> Table:
    """The table `event_epochs`, beside a table of events."""
    return Table(
        "event_epochs",
        metadata,
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("database", Text, nullable=False),
        Column("began_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


def catch_ups_table(metadata: MetaData) -> Table:
    """The table `bus_catch_ups`: services that have published again what an epoch's bus lacked."""
    return Table(
        "bus_catch_ups",
        metadata,
        Column("epoch", Integer, primary_key=True, autoincrement=False),
        Column("service", Text, primary_key=True),
    )


def installation(events: str) -> list[str]:
    """The statements that give a table of events its epochs; `event_epochs` is there already.

    The table may have been restored by a release that knew none: what is in it is of an older epoch
    then, which shows where its ids are ahead of this server's.
    """
    ahead = f"""
    INSERT INTO event_epochs (number, database)
    SELECT (coalesce(max(transaction_id), 0)
            >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint)::int, event_database()
    FROM {events}
    """  # noqa: S608 - a migration's own name
    trigger = f"""
    CREATE TRIGGER {events}_epoch BEFORE INSERT ON {events}
        FOR EACH ROW EXECUTE FUNCTION event_in_epoch()
    """
    return [IDENTITY, EPOCH, LIFT, OLDEST_AT_WORK, ahead, trigger]


async def current_epoch(tx: AsyncConnection) -> int:
    """The epoch of this database; begins it, if nobody has written an event since a restore."""
    found: int = (await tx.execute(text("SELECT event_epoch()"))).scalar_one()
    return found
