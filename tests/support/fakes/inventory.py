"""Stock in memory."""

from collections.abc import Sequence

from contracts.barrier_records import Effects, Epoch
from contracts.inventory import AddStock, Holding, NewProduct, Product, Reservation, ReserveStock
from contracts.names import is_return_of, workflow_id
from saga.participant import Locked, NotFound, Op, Rejected, State, StepKey, Unavailable
from saga.participant.digest import digest_of
from saga.participant.records import StepRecord
from services.inventory.reservations import FOR_GOOD, same
from tests.support.fakes.barrier import Barrier


class FakeInventory:
    """Implements `contracts.inventory.InventoryService`."""

    def __init__(self) -> None:
        self._products: dict[str, Product] = {}
        self._barrier = Barrier()

    async def create_product(self, product: NewProduct) -> Product:
        if product.sku in self._products:
            raise Rejected("sku_exists", f"there is a product {product.sku} already")
        given = product.model_dump(exclude={"stock"})
        stock = {"stocked": product.stock, "available": product.stock, "reserved": 0, "sold": 0}
        self._products[product.sku] = Product.model_validate(given | stock)
        return self._products[product.sku]

    async def get_product(self, sku: str) -> Product:
        return self._find(sku)

    async def list_products(self, skus: Sequence[str] | None = None) -> list[Product]:
        chosen = self._products if skus is None else set(skus) & self._products.keys()
        return [self._products[sku] for sku in sorted(chosen)]

    async def add_stock(self, sku: str, stock: AddStock) -> Product:
        self._change(sku, stocked=stock.quantity, available=stock.quantity)
        return self._products[sku]

    async def reserve(self, key: StepKey, command: ReserveStock) -> Reservation:
        digest = digest_of(ReserveStock, command)
        return self._barrier.action(
            key, digest, lambda: self._move(command, "available", "reserved")
        )

    async def release(self, key: StepKey, command: ReserveStock) -> Reservation:
        def undo(held: Reservation | None) -> Reservation:
            if held is None:
                return Reservation(order_id=command.order_id, lines=())
            if len(self._barrier.replies(key.saga_id)) > 1:
                raise Rejected("stock_sold", "it has been sold")
            return self._move(command, "reserved", "available")

        return self._barrier.compensation(key, digest_of(ReserveStock, command), undo)

    async def commit(self, key: StepKey, command: ReserveStock) -> Reservation:
        def effect() -> Reservation:
            if not self._count_moves(key.saga_id, command):
                raise Rejected("stock_not_held", f"{key.saga_id} holds nothing such")
            return self._move(command, "reserved", "sold")

        return self._barrier.action(key, digest_of(ReserveStock, command), effect)

    async def restock(self, key: StepKey, command: ReserveStock) -> Reservation:
        def effect() -> Reservation:
            if not is_return_of(key.saga_id, command.order_id):
                raise Rejected("foreign_saga", f"{key.saga_id} does not return the order")
            holder = workflow_id(command.order_id)
            if (moves := self._count_moves(holder, command)) < FOR_GOOD:
                detail = f"{command.order_id} is not sold yet"
                if moves:
                    raise Locked(detail, holder=holder, retry_after=1.0)
                raise Unavailable(detail, retry_after=1.0)
            return self._move(command, "sold", "available")

        return self._barrier.action(key, digest_of(ReserveStock, command), effect)

    def _find(self, sku: str) -> Product:
        if sku not in self._products:
            raise NotFound("unknown_sku", f"there is no product {sku}")
        return self._products[sku]

    async def list_holdings(self, saga_ids: Sequence[str]) -> list[Holding]:
        found = []
        for saga_id in saga_ids:
            taken = self._barrier.replies(saga_id)
            if len(taken) == 1 and not is_return_of(saga_id, taken[0].order_id):
                pieces = sum(line.quantity for line in taken[0].lines)
                found.append(Holding(saga_id=saga_id, pieces=pieces, seconds=0.0))
        return found

    async def effects(self, saga_ids: Sequence[str]) -> list[Effects]:
        found = []
        for saga_id in saga_ids:
            rows = self._barrier.records(saga_id)
            done = [row.step for row in rows if (row.op, row.state) == (Op.ACTION, State.DONE)]
            if done:
                found.append(Effects(saga_id=saga_id, steps=tuple(sorted(done))))
        return found

    async def list_step_records(self, saga_id: str) -> list[StepRecord]:
        return self._barrier.records(saga_id)

    async def epoch(self) -> Epoch:
        return Epoch(database="in memory", transaction=0)

    def _count_moves(self, saga_id: str, command: ReserveStock) -> int:
        return sum(same(reply, command) for reply in self._barrier.replies(saga_id))

    def _move(self, command: ReserveStock, source: str, target: str) -> Reservation:
        """All lines, or none."""
        for line in command.lines:
            if getattr(self._find(line.sku), source) < line.quantity:
                raise self._too_few(line.sku, source)
        for line in command.lines:
            self._change(line.sku, **{source: -line.quantity, target: line.quantity})
        return Reservation(order_id=command.order_id, lines=command.lines)

    def _too_few(self, sku: str, source: str) -> Rejected:
        if source == "available":
            return Rejected("out_of_stock", f"there is not so much of {sku}")
        return Rejected("stock_not_held", f"{sku} should be {source}, but is not")

    def _change(self, sku: str, **by: int) -> None:
        product = self._find(sku)
        new = {name: getattr(product, name) + difference for name, difference in by.items()}
        self._products[sku] = product.model_copy(update=new)
