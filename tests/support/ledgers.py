"""What the tests of reconciliation share: audits, and what people and faults do to the money."""

import sqlite3
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
from sqlalchemy import text

from contracts.audits import AuditReport, AuditRequest
from contracts.names import Queue, workflow_id
from infrastructure.postgres.database import Database
from tests.support.world import PROVIDER_KEY, World
from workflows.audit_orders import AuditOrders


async def audit_ledger(world: World, *, repair: bool = True) -> AuditReport:
    """Intents are dated by the second, so the window ends a moment after now."""
    return await world.client.execute_workflow(
        AuditOrders.run,
        AuditRequest(grace=timedelta(seconds=-2), repair=repair),
        id=f"audit-{uuid4()}",
        task_queue=Queue.ORDERS,
    )


async def charged_by_hand(world: World, order_id: str, **about: str) -> str:
    """A capture that the payment service does not know, under this order's name."""
    form = {
        **{f"metadata[{name}]": value for name, value in about.items()},
        "amount": "700",
        "currency": "eur",
        "payment_method": "pm_card_visa",
        "confirm": "true",
        "metadata[order_id]": order_id,
        "metadata[saga_id]": workflow_id(order_id),
    }
    return str((await at_the_provider(world, "/v1/payment_intents", **form))["id"])


async def at_the_provider(world: World, path: str, **form: Any) -> Any:
    """What somebody does there who has the key: at its dashboard, say."""
    headers = {"Authorization": f"Bearer {PROVIDER_KEY}"}
    async with httpx2.AsyncClient(base_url=world.provider.url, headers=headers) as http:
        return (await http.post(path, data=form)).raise_for_status().json()


def made_before(world: World, table: str, its: str, ago: timedelta) -> None:
    """Have a row of the provider's been made so long ago."""
    seconds = int(ago.total_seconds())
    with sqlite3.connect(world.provider.database, timeout=5) as connection:
        connection.execute(f"UPDATE {table} SET created = created - ? WHERE id = ?", (seconds, its))
    connection.close()


async def execute(url: str, statement: str, **values: object) -> None:
    database = Database(url)
    async with database.transaction() as tx:
        await tx.execute(text(statement), values)
    await database.close()


def outcomes(report: AuditReport, order_id: str) -> list[str | None]:
    """What was done about the discrepancies of an order; what is only reported is named."""
    done = {settlement.discrepancy.intent_id: settlement.outcome for settlement in report.settled}
    found = [order for order in report.ledger if order.order_id == order_id]
    for discrepancy in found:
        if discrepancy.remedy == "report":
            assert discrepancy.intent_id not in done
            assert any(order.order_id == order_id for order in report.named)
    return ["reported" if row.remedy == "report" else done.get(row.intent_id) for row in found]


def why(report: AuditReport, order_id: str) -> list[str]:
    return [str(order.why) for order in report.ledger if order.order_id == order_id]


async def close(world: World, order_id: str, status: str) -> None:
    """Our own record says that the order ended so."""
    url = world.databases.order_database_url
    await execute(url, f"UPDATE orders SET status = '{status}' WHERE id = :its", its=order_id)
