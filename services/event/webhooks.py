"""The rules of webhooks, for who owns them. One method is one transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, RowMapping, Update, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.webhooks import (
    Delivery,
    DeliveryState,
    Webhook,
    WebhookEvent,
    WebhookWithSecret,
)
from infrastructure.postgres.database import Database
from saga.participant import NotFound, Rejected
from services.event.signatures import new_secret
from services.event.tables import hooks

MOST = 10  # webhooks of a customer
SHOWN = 100
BOTH_SECRETS = text("interval '24 hours'")
webhooks, deliveries = hooks
UNKNOWN_WEBHOOK = "there is no such webhook"


class Webhooks:
    """Implements `contracts.webhooks.WebhookService` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(
        self, customer_id: str, url: str, event_types: Sequence[WebhookEvent]
    ) -> WebhookWithSecret:
        """Register one. Rejected `too_many_webhooks` if the customer has as many as it may."""
        values = {
            "id": f"whk_{uuid4().hex}",
            "customer_id": customer_id,
            "url": url,
            "event_types": [str(fromkey) for fromkey in dict.fromkeys(event_types)],
            "secret": new_secret(),
        }
        mine = select(func.count()).where(webhooks.c.customer_id == customer_id)
        one_at_a_time = text("SELECT pg_advisory_xact_lock(hashtextextended(:customer, 0))")
        async with self._database.transaction() as tx:
            await tx.execute(one_at_a_time, {"customer": customer_id})
            if (await tx.execute(mine)).scalar_one() >= MOST:
                detail = f"a customer may have {MOST} webhooks; remove one first"
                raise Rejected("too_many_webhooks", detail)
            row = await tx.execute(insert(webhooks).values(values).returning(*webhooks.c))
            return _to_webhook_with_secret(row.mappings().one())

    async def of_customer(self, customer_id: str | None) -> list[Webhook]:
        """A customer's, or the newest of all, newest first."""
        statement = select(webhooks).order_by(webhooks.c.created_at.desc()).limit(SHOWN)
        if customer_id is not None:
            statement = statement.where(webhooks.c.customer_id == customer_id)
        async with self._database.statement() as tx:
            return [_to_webhook(row) for row in (await tx.execute(statement)).mappings()]

    async def get(self, webhook_id: str) -> Webhook:
        """One of them. NotFound."""
        async with self._database.statement() as tx:
            found = await tx.execute(select(webhooks).where(webhooks.c.id == webhook_id))
            return _to_webhook(_require_row(found.mappings().one_or_none()))

    async def remove(self, webhook_id: str) -> None:
        """Forget it and its deliveries; nothing is sent to it from now on. NotFound."""
        gone = delete(webhooks).where(webhooks.c.id == webhook_id).returning(*webhooks.c)
        async with self._database.transaction() as tx:
            _require_row((await tx.execute(gone)).mappings().one_or_none())

    async def rotate(self, webhook_id: str) -> WebhookWithSecret:
        """Give it a new secret. For a day, requests are signed by the old one too. NotFound."""
        values = {
            "secret": new_secret(),
            "old_secret": webhooks.c.secret,
            "old_secret_until": func.now() + BOTH_SECRETS,
        }
        async with self._database.transaction() as tx:
            return _to_webhook_with_secret(await _update_row(tx, webhook_id, values))

    async def enable(self, webhook_id: str) -> Webhook:
        """Send to it again, after it was disabled. NotFound."""
        async with self._database.transaction() as tx:
            return _to_webhook(await _update_row(tx, webhook_id, {"disabled_reason": None}))

    async def deliveries(
        self, webhook_id: str, state: DeliveryState | None, limit: int
    ) -> list[Delivery]:
        """Its newest deliveries."""
        of_it: list[ColumnElement[bool]] = [deliveries.c.webhook_id == webhook_id]
        if state is not None:
            of_it.append(deliveries.c.state == state)
        newest = select(deliveries).where(*of_it).order_by(deliveries.c.created_at.desc())
        async with self._database.statement() as tx:
            return [Delivery(**item) for item in (await tx.execute(newest.limit(limit))).mappings()]

    async def delivery(self, webhook_id: str, delivery_id: str) -> Delivery:
        """One of them. NotFound."""
        of_it = (deliveries.c.webhook_id == webhook_id, deliveries.c.id == delivery_id)
        async with self._database.statement() as tx:
            row = (await tx.execute(select(deliveries).where(*of_it))).mappings().one_or_none()
        if row is None:
            raise NotFound("unknown_delivery", "there is no such delivery of this webhook")
        return Delivery(**row)


async def _update_row(tx: AsyncConnection, webhook_id: str, values: dict[str, Any]) -> RowMapping:
    statement: Update = update(webhooks).where(webhooks.c.id == webhook_id).values(values)
    row = (await tx.execute(statement.returning(*webhooks.c))).mappings().one_or_none()
    return _require_row(row)


def _require_row(row: RowMapping | None) -> RowMapping:
    if row is None:
        raise NotFound("unknown_webhook", UNKNOWN_WEBHOOK)
    return row


def _to_webhook(row: RowMapping) -> Webhook:
    return Webhook(**_to_fields(row))


def _to_webhook_with_secret(row: RowMapping) -> WebhookWithSecret:
    return WebhookWithSecret(**_to_fields(row), secret=row["secret"])


def _to_fields(row: RowMapping) -> dict[str, Any]:
    names = ("id", "customer_id", "url", "event_types", "disabled_reason", "created_at")
    state = "enabled" if row["disabled_reason"] is None else "disabled"
    return {name: row[name] for name in names} | {"state": state}
