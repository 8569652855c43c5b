"""Which life of a PostgreSQL database we are connected to: a restored database begins another one.

Nothing in the rows tells that they are older than they were, so the database's own marks are asked
for: the server's identity and timeline (another server, or a recovery to a moment), the object ids
of the database and of its first table (a dump that was loaded), and the newest transaction's id
(files that were put back). All but the last stay the same for as long as nothing is restored.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.barrier_records import Epoch

MAY_ASK = text(
    "SELECT has_function_privilege('pg_control_system()', 'execute')"
    " AND has_function_privilege('pg_control_checkpoint()', 'execute')"
)
OBJECTS = "SELECT d.oid || ':' || coalesce(to_regclass('alembic_version')::oid::text, '')"
NEWEST = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
OURS = "FROM pg_database d WHERE d.datname = current_database()"
PLAIN = text(f"{OBJECTS}, {NEWEST} {OURS}")
WHOLE = text(
    f"{OBJECTS} || ':' || s.system_identifier || ':' || c.timeline_id, {NEWEST} "
    f"FROM pg_control_system() s, pg_control_checkpoint() c, {OURS.removeprefix('FROM ')}"
)


async def epoch_of(tx: AsyncConnection) -> Epoch:
    """The epoch of the database; what this role may not ask is left out of it."""
    allowed = (await tx.execute(MAY_ASK)).scalar_one()
    database, transaction = (await tx.execute(WHOLE if allowed else PLAIN)).one()
    return Epoch(database=database, transaction=transaction)
