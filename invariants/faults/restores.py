"""A database that is set back to an earlier moment: for one order, so that others go on beside it.

What a restore does to all rows, this does to the rows of one order: its sagas', its product's and
its customer's. What was written since is gone.
"""

from importlib import import_module
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Identity,
    MetaData,
    Table,
    Text,
    delete,
    insert,
    select,
)

from contracts.names import SERVICES, return_id, workflow_id
from invariants.cases import OrderCase
from invariants.environment import OrderWorld

METADATA: dict[str, MetaData] = {
    service: import_module(f"services.{service}.tables").metadata for service in SERVICES
}
# Nobody relays in the verifier; and what has been published is not called back by a restore.
LEFT_ALONE = {"outbox"}
Rows = list[dict[str, Any]]
Moment = dict[str, Rows]


async def moment_of(world: OrderWorld, case: OrderCase, service: str) -> Moment:
    """The rows of an order in a service's database, as they are now."""
    found: Moment = {}
    async with world.databases[service].transaction() as tx:
        for table, its in _its(case, service):
            found[table.name] = [
                dict(row._mapping) for row in await tx.execute(select(table).where(its))
            ]
    return found


def before_all(service: str) -> Moment:
    """From before there was anything of it."""
    return {table.name: [] for table in METADATA[service].sorted_tables}


async def set_back(world: OrderWorld, case: OrderCase, service: str, moment: Moment) -> None:
    """Put the rows back that were there then, and take away the others."""
    async with world.databases[service].transaction() as tx:
        for table, its in _its(case, service):
            await tx.execute(delete(table).where(its))
            rows = [_without_identity(table, row) for row in moment[table.name]]
            if rows:
                await tx.execute(insert(table), rows)


def _its(case: OrderCase, service: str) -> list[tuple[Table, ColumnElement[bool]]]:
    order_id = case.order.order_id
    values = {
        "saga_id": (workflow_id(order_id), return_id(order_id), case.workflow_id),
        "order_id": (order_id,),
        "stream_id": (order_id,),
        "sku": tuple(line.sku for line in case.order.items),
        "user_id": (case.order.customer_id,),
        "id": (order_id, case.order.customer_id),
    }
    found: list[tuple[Table, ColumnElement[bool]]] = []
    for table in METADATA[service].sorted_tables:
        key = next(
            (value for value in values if value in table.c and _is_text(table.c[value])), None
        )
        if key is not None and table.name not in LEFT_ALONE:
            found.append((table, table.c[key].in_(values[key])))
    return found


def _without_identity(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """What the database counts by itself it counts anew."""
    return {name: item for name, item in row.items() if not _is_identity(table.c[name])}


def _is_text(column: Column[Any]) -> bool:
    return isinstance(column.type, Text)


def _is_identity(column: Column[Any]) -> bool:
    return isinstance(column.server_default, Identity)
