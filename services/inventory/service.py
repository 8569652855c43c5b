"""The rules of stock. One method is one transaction.

A reservation is not a row of its own: the barrier's stored reply is the record of what was held.
SKUs are locked in sorted order, so that two orders of the same products cannot deadlock.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from sqlalchemy import ARRAY, Executable, Text, any_, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.barrier_records import Effects
from contracts.events.integration_events import DomainEvent, EventType, ProductEvent, StockEvent
from contracts.inventory import (
    AddStock,
    Holding,
    NewProduct,
    Price,
    Product,
    Reservation,
    ReserveStock,
)
from contracts.names import is_return_of, workflow_id
from infrastructure.messaging.outbox import Outbox
from infrastructure.postgres.database import Database
from infrastructure.telemetry.barriers import count
from saga.participant import Locked, Rejected, StepKey, Unavailable
from saga.participant.barrier import Barrier
from saga.participant.clean_action import CleanAction
from saga.participant.digest import digest_of
from saga.participant.driver_statement import DriverStatement, Row
from services.inventory import reservations, stock_movements
from services.inventory.reservations import FOR_GOOD
from services.inventory.stock_movements import AVAILABLE, RESERVED, SOLD, unknown
from services.inventory.tables import barrier, outbox, products
from services.participant import Participant

SOLD_SOON = 1.0  # seconds; a confirmed order's stock is committed a moment after it is confirmed


class Inventory(Participant):
    """Implements `contracts.inventory.InventoryService` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._outbox = Outbox(outbox)
        self._barrier = Barrier(barrier, self._outbox, observer=count)
        in_one = partial(stock_movements.in_one_statement, self._barrier)
        self._reserving = in_one(AVAILABLE, RESERVED)
        self._committing = in_one(RESERVED, SOLD, reservations.are_held())
        every = select(products).order_by(products.c.sku)
        asked_for = products.c.sku == any_(bindparam("its_skus", type_=ARRAY(Text)))
        self._listing, self._finding = map(DriverStatement, (every, every.where(asked_for)))

    async def create_product(self, product: NewProduct) -> Product:
        """Offer a product. Rejected `sku_exists` if the SKU is taken."""
        statement = (
            insert(products)
            .values(
                sku=product.sku,
                name=product.name,
                price_minor=product.price.minor,
                currency=product.price.currency,
                stocked=product.stock,
                available=product.stock,
            )
            .on_conflict_do_nothing()
            .returning(*products.c)
        )
        created = await self._change(statement, EventType.PRODUCT_CREATED)
        if created is None:
            raise Rejected("sku_exists", f"there is a product {product.sku} already")
        return created

    async def get_product(self, sku: str) -> Product:
        """Read a product. NotFound if there is none."""
        found = await self.list_products([sku])
        if not found:
            raise unknown(sku)
        return found[0]

    async def list_products(self, skus: Sequence[str] | None = None) -> list[Product]:
        """Products in order of SKU: all, or those of `skus` that exist."""
        single = self._database.single()
        if skus is None:
            rows = await single.rows(self._listing, {})
        else:
            rows = await single.rows(self._finding, {"its_skus": skus})
        return [_to_product(row) for row in rows]

    async def add_stock(self, sku: str, stock: AddStock) -> Product:
        """Put new pieces on the shelf. NotFound if there is no such product."""
        statement = (
            update(products)
            .where(products.c.sku == sku)
            .values(
                stocked=products.c.stocked + stock.quantity,
                available=products.c.available + stock.quantity,
            )
            .returning(*products.c)
        )
        stocked = await self._change(statement, EventType.PRODUCT_STOCKED)
        if stocked is None:
            raise unknown(sku)
        return stocked

    async def reserve(self, key: StepKey, command: ReserveStock) -> Reservation:
        """Move pieces from available to reserved: all lines or none."""

        async def move(tx: AsyncConnection) -> None:
            if not await stock_movements.move(tx, command.lines, AVAILABLE, RESERVED):
                raise await stock_movements.why_not(tx, command.lines)

        return await self._once(key, command, move, EventType.INVENTORY_RESERVED, self._reserving)

    async def release(self, key: StepKey, command: ReserveStock) -> Reservation:
        """Undo `reserve`: what it moved goes back to available. Rejected `stock_sold`."""

        async def undo(reserved: Reservation | None) -> Reservation:
            if reserved is not None and await reservations.find_other_moves(tx, key):
                raise Rejected(
                    "stock_sold", f"{stock_movements.pieces(reserved.lines)} have been sold"
                )
            lines = reserved.lines if reserved else ()
            await stock_movements.must_move(tx, lines, RESERVED, AVAILABLE)
            return Reservation(order_id=command.order_id, lines=lines)

        told = _build_stock_events(EventType.INVENTORY_RELEASED)
        digest = digest_of(ReserveStock, command)
        async with self._database.transaction() as tx:
            return await self._barrier.compensation(
                tx, key, Reservation, Reservation, undo, digest=digest, events=told
            )

    async def commit(self, key: StepKey, command: ReserveStock) -> Reservation:
        """Move the pieces that this saga has reserved to sold. Rejected `stock_not_held`."""

        async def move(tx: AsyncConnection) -> None:
            reserved = await reservations.find_other_moves(tx, key, hold=True)
            if not any(reservations.same(reservation, command) for reservation in reserved):
                detail = f"{key.saga_id} holds no {stock_movements.pieces(command.lines)}"
                raise Rejected("stock_not_held", detail)
            await stock_movements.must_move(tx, command.lines, RESERVED, SOLD)

        return await self._once(key, command, move, EventType.INVENTORY_COMMITTED, self._committing)

    async def restock(self, key: StepKey, command: ReserveStock) -> Reservation:
        """Move the order's sold pieces back to available.

        Locked while the order's own saga has reserved them, and not sold yet; Unavailable while
        that is not on record. Rejected `foreign_saga` unless this saga returns the order.
        """

        async def move(tx: AsyncConnection) -> None:
            if not is_return_of(key.saga_id, command.order_id):
                detail = f"{key.saga_id} does not return order {command.order_id}"
                raise Rejected("foreign_saga", detail)
            moves = await reservations.count_moves_of_order(tx, command)
            if moves >= FOR_GOOD and await stock_movements.move(tx, command.lines, SOLD, AVAILABLE):
                return
            pieces = stock_movements.pieces(command.lines)
            detail = f"{pieces} of {command.order_id} are not sold yet"
            if moves == 1:
                holder = workflow_id(command.order_id)
                raise Locked(detail, holder=holder, retry_after=SOLD_SOON)
            raise Unavailable(detail, retry_after=SOLD_SOON)

        return await self._once(key, command, move, EventType.INVENTORY_RESTOCKED)

    async def list_holdings(self, saga_ids: Sequence[str]) -> list[Holding]:
        """What these sagas have reserved and neither released nor sold; others are left out."""
        async with self._database.statement() as tx:
            return await reservations.list_holdings(tx, saga_ids)

    async def effects(self, saga_ids: Sequence[str]) -> list[Effects]:
        """Which steps of these sagas stand here; sagas without any are left out."""
        async with self._database.statement() as tx:
            return await reservations.effects(tx, saga_ids)

    async def _once(
        self,
        key: StepKey,
        command: ReserveStock,
        move: Callable[[AsyncConnection], Awaitable[None]],
        event: EventType,
        clean: CleanAction[DomainEvent] | None = None,
    ) -> Reservation:
        """Move the pieces as a step's action, and publish; a repetition gets the first reply."""
        reply = Reservation(order_id=command.order_id, lines=command.lines)
        digest, told = digest_of(ReserveStock, command), _build_stock_events(event)
        if clean is not None:
            single, its = self._database.single(), stock_movements.give_lines(command.lines)
            if await clean.attempt(single, key, digest, its, reply=reply, events=told(reply)):
                return reply

        async def effect() -> Reservation:
            await move(tx)
            return reply

        async with self._database.transaction() as tx:
            return await self._barrier.action(
                tx, key, Reservation, effect, digest=digest, events=told
            )

    async def _change(self, statement: Executable, event: EventType) -> Product | None:
        """Run a statement that returns the product's row, and publish; None if there is none."""
        async with self._database.transaction() as tx:
            row = (await tx.execute(statement)).mappings().one_or_none()
            if row is None:
                return None
            product = _to_product(row)
            told = ProductEvent(**product.model_dump())
            await self._outbox.publish(tx, [DomainEvent(event, product.sku, told)])
            return product


def _build_stock_events(event: EventType) -> Callable[[Reservation], Sequence[DomainEvent]]:
    """What is published of lines that were moved, if there were any."""

    def build(moved: Reservation) -> Sequence[DomainEvent]:
        data = StockEvent(**moved.model_dump())
        return [DomainEvent(event, moved.order_id, data)] if moved.lines else ()

    return build


def _to_product(row: Row) -> Product:
    price = Price(minor=row["price_minor"], currency=row["currency"])
    return Product(price=price, **row)
