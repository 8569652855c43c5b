"""Time that goes by at once: `POST /clock`, which is not Stripe's.

Nothing here asks what time it is but for how old a thing is, so what was made gets older.
"""

import sqlite3

from sandbox.errors import Fault
from sandbox.params import Params
from sandbox.responses import Answer

PARAMETERS = {"seconds", "order"}
AGEING = (
    """UPDATE idempotency SET created = created - :seconds WHERE :order IS NULL
        OR instr(request, :order) OR EXISTS (
            SELECT 1 FROM intents WHERE instr(idempotency.request, intents.id)
            AND json_extract(metadata, '$.order_id') = :order)""",
    """UPDATE refunds SET created = created - :seconds WHERE :order IS NULL OR intent IN (
        SELECT id FROM intents WHERE json_extract(metadata, '$.order_id') = :order)""",
    """UPDATE intents SET created = created - :seconds
        WHERE :order IS NULL OR json_extract(metadata, '$.order_id') = :order""",
)


def advance(tx: sqlite3.Connection, params: Params) -> Answer:
    """Have so many seconds go by, for all there is or for one order: keys are kept for a day."""
    seconds, order = params.integer("seconds"), params.text("order")
    if seconds < 0:
        raise Fault.invalid("seconds", "Time does not go back.")
    for statement in AGEING:
        tx.execute(statement, {"seconds": seconds, "order": order})
    return Answer(200, {"seconds": seconds, "order": order})
