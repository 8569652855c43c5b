"""Deliveries that are to be tried: what the look after those that stopped needs."""

from typing import Any

from sqlalchemy import func, select, text, update

from contracts.webhooks import Delivery, DeliveryState
from infrastructure.postgres.database import Database
from services.event.tables import hooks

PAGE = 100
YOUNG = text("interval '30 seconds'")  # whoever keeps a delivery begins it right after
deliveries = hooks.deliveries


class PendingDeliveries:
    """Implemented on the event database. One method is one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, after: str) -> list[Delivery]:
        """The next of them by id, but for those that were kept or tried a moment ago."""
        row = deliveries.c
        touched = func.coalesce(row.attempted_at, row.created_at)
        statement = (
            select(deliveries)
            .where(row.state == DeliveryState.PENDING, row.id > after)
            .where(touched < func.now() - YOUNG)
            .order_by(row.id)
            .limit(PAGE)
        )
        async with self._database.statement() as tx:
            return [Delivery(**each) for each in (await tx.execute(statement)).mappings()]

    async def end(self, delivery: Delivery, state: DeliveryState, error: str | None) -> bool:
        """Note how it ended, unless somebody has gone on with it meanwhile; whether noted."""
        row = deliveries.c
        values: dict[str, Any] = {"state": state, "ended_at": func.now(), "last_error": error}
        ended = (
            update(deliveries)
            .where(row.id == delivery.id, row.run == delivery.run)
            .where(row.state == DeliveryState.PENDING, row.attempts == delivery.attempts)
            .values(values)
        )
        async with self._database.statement() as tx:
            return (await tx.execute(ended)).rowcount == 1
