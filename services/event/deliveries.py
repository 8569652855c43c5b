"""Deliveries: made of events for the webhooks that want them, and sent.

To send is two short transactions with the request between them: no transaction is open while a
stranger takes its time. Whoever dies in between has sent what is sent again, under the same id.
"""

import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import ColumnElement, RowMapping, and_, any_, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events.cloudevents import CloudEvent
from contracts.webhooks import Attempt, DeliveryState, Tried, WebhookEvent
from infrastructure.http.ssrf_safe_client import Answer, PublicHttp
from infrastructure.postgres.database import Database
from services.event.signatures import headers
from services.event.tables import hooks

CONSUMER = "webhooks"  # the subscription, and the inbox's name for us
GONE = 410
webhooks, deliveries = hooks


class Deliveries:
    """What the subscription needs, and `contracts.webhooks.WebhookSender`."""

    def __init__(self, database: Database, public: PublicHttp) -> None:
        self._database = database
        self._public = public

    async def is_wanted(self, event: CloudEvent) -> bool:
        """Whether any webhook is for this event: seldom, so this is one statement."""
        if event.type not in set(WebhookEvent):
            return False
        one = select(webhooks.c.id).where(_for(event)).limit(1)
        async with self._database.statement() as tx:
            return (await tx.execute(one)).first() is not None

    async def take(self, tx: AsyncConnection, event: CloudEvent) -> None:
        """A delivery for each webhook that wants the event: the inbox's handler."""
        found = (await tx.execute(select(webhooks.c.id).where(_for(event)))).scalars().all()
        if found:
            rows = [_delivery(webhook_id, event) for webhook_id in found]
            await tx.execute(insert(deliveries).values(rows).on_conflict_do_nothing())

    async def of_event(self, event_id: str) -> list[str]:
        """The ids of its deliveries."""
        statement = select(deliveries.c.id).where(deliveries.c.event_id == event_id)
        async with self._database.statement() as tx:
            return list((await tx.execute(statement)).scalars())

    async def attempt(self, attempt: Attempt) -> Tried:
        """Send it once, unless it has ended or nobody wants it any more; note how it went."""
        row = await self._begin(attempt)
        if row is None or row["state"] == DeliveryState.DELIVERED:
            return Tried(state=DeliveryState.DEAD if row is None else DeliveryState.DELIVERED)
        if row["disabled_reason"] is not None:
            answer = Answer(error="the webhook is disabled")
        else:
            answer = await self._send(row)
        state = _state_after(answer, final=attempt.final or row["disabled_reason"] is not None)
        await self._note(row, answer, state)
        return Tried(state=state, retry_after=answer.retry_after)

    async def _begin(self, attempt: Attempt) -> RowMapping | None:
        """What is to be sent where; None if it was removed, or if a later run has it.

        The state is DELIVERED if this run has done it, and its report was lost.
        """
        row = deliveries.c
        again = or_(row.run < attempt.run, row.state != DeliveryState.DELIVERED)
        begun = (
            update(deliveries)
            .where(row.id == attempt.delivery_id, row.run <= attempt.run, again)
            .values(
                run=attempt.run,
                state=DeliveryState.PENDING,
                attempts=row.attempts + 1,
                attempted_at=func.now(),
                ended_at=None,
            )
        )
        both = and_(row.id == attempt.delivery_id, row.run == attempt.run)
        now = func.extract("epoch", func.now()).label("now")
        old = (webhooks.c.old_secret_until > func.now()).label("old_secret_counts")
        found = select(deliveries, *_of_webhook(), now, old).join(webhooks).where(both)
        async with self._database.transaction() as tx:
            await tx.execute(begun)
            return (await tx.execute(found)).mappings().one_or_none()

    async def _send(self, row: RowMapping) -> Answer:
        secrets = [row["secret"], *([row["old_secret"]] if row["old_secret_counts"] else [])]
        body = row["body"].encode()
        signed = headers(row["id"], int(row["now"]), body, secrets)
        told = {"Content-Type": "application/json", "User-Agent": "order-saga-webhooks/1"}
        return await self._public.post(row["url"], body, {**told, **signed})

    async def _note(self, row: RowMapping, answer: Answer, state: DeliveryState) -> None:
        mine = (deliveries.c.id == row["id"], deliveries.c.run == row["run"])
        values: dict[str, Any] = {"last_status": answer.status, "last_error": answer.error}
        ended = None if state is DeliveryState.PENDING else func.now()
        noted = update(deliveries).where(*mine).values(state=state, ended_at=ended, **values)
        async with self._database.transaction() as tx:
            await tx.execute(noted)
            if answer.status == GONE:
                off = update(webhooks).where(webhooks.c.id == row["webhook_id"])
                await tx.execute(off.values(disabled_reason="it answered 410 Gone"))


def _for(event: CloudEvent) -> ColumnElement[bool]:
    """The condition of a webhook that this event is for."""
    kinds = webhooks.c.event_types
    return and_(
        webhooks.c.customer_id == event.data.get("customer_id"),
        webhooks.c.disabled_reason.is_(None),
        or_(func.cardinality(kinds) == 0, literal(event.type) == any_(kinds)),
    )


def _of_webhook() -> list[ColumnElement[Any]]:
    names = ("url", "secret", "old_secret", "disabled_reason")
    return [webhooks.c[name] for name in names]


def delivery_id(webhook_id: str, event_id: str) -> str:
    """The same for one event and one webhook, whenever and however often it is asked for."""
    return f"msg_{uuid5(NAMESPACE_URL, f'{webhook_id}/{event_id}').hex}"


def _delivery(webhook_id: str, event: CloudEvent) -> dict[str, Any]:
    envelope = event.model_dump(mode="json")
    told = {"type": event.type, "timestamp": envelope["time"], "data": event.data}
    return {
        "id": delivery_id(webhook_id, event.id),
        "webhook_id": webhook_id,
        "event_id": event.id,
        "event_type": event.type,
        "order_id": event.subject,
        "body": json.dumps(told, separators=(",", ":")),
    }


def _state_after(answer: Answer, *, final: bool) -> DeliveryState:
    if answer.succeeded:
        return DeliveryState.DELIVERED
    return DeliveryState.DEAD if final or answer.status == GONE else DeliveryState.PENDING
