"""Who else meets a saga: customers who leave, stock and prices that change, audits, operators."""

from dataclasses import dataclass

from sqlalchemy import update

from contracts.inventory import AddStock
from contracts.names import Queue, workflow_id
from contracts.workflow_io import OrderOutcome, PlaceOrderInput
from invariants.audit import audit
from invariants.environment import OrderWorld
from invariants.pairs.meeting import Meeting
from invariants.stock_and_money import PRICE, new_order
from saga.participant import Unavailable
from saga.verify.concurrent.pair import DONE, CallsPartner, PartnerEnding, Side
from saga.verify.injection.workflow_reset import FIRST, reset
from services.inventory.tables import products
from workflows.place_order import PlaceOrder

NEW_PIECES = 5


async def _close_account(side: Side) -> None:
    await side.world.services.users.deactivate(side.meeting.first.customer_id)


async def _erase_account(side: Side) -> None:
    await side.world.services.users.erase(side.meeting.first.customer_id)


async def _add_stock(side: Side) -> None:
    sku = side.meeting.first.items[0].sku
    await side.world.services.inventory.add_stock(sku, AddStock(quantity=NEW_PIECES))


async def _double_price(side: Side) -> None:
    """Nothing of ours changes a price yet, so that this is done by hand."""
    its = products.c.sku == side.meeting.first.items[0].sku
    async with side.world.databases["inventory"].transaction() as tx:
        await tx.execute(update(products).where(its).values(price_minor=2 * PRICE.minor))


AGAIN = (Unavailable,)  # of a client that is told so: nothing of it has happened
CLOSE_ACCOUNT = CallsPartner("close the customer's account", [("close", _close_account)], AGAIN)
ERASE_ACCOUNT = CallsPartner("erase the customer", [("erase", _erase_account)], AGAIN)
ADD_STOCK = CallsPartner("put new pieces on the shelf", [("add stock", _add_stock)], AGAIN)
DOUBLE_PRICE = CallsPartner("double the price", [("change the price", _double_price)], AGAIN)


async def one_placed_order(world: OrderWorld) -> Meeting:
    """An order that a workflow of its own has placed."""
    order = await new_order(world)
    await world.client.execute_workflow(
        PlaceOrder.run,
        PlaceOrderInput(**dict(order)),
        id=workflow_id(order.order_id),
        task_queue=Queue.ORDERS,
    )
    return Meeting({"R": order})


@dataclass(frozen=True)
class ResetPartner:
    """An operator who resets the saga that has placed the order `R`, and its second life."""

    name: str = "reset the saga that has placed it"
    kind: str = "reset"

    async def act(self, side: Side) -> PartnerEnding:
        """To the end of the second life."""
        client, gates = side.environment.client, side.environment.injector.gates
        saga_id = workflow_id(side.meeting.orders["R"].order_id)
        run_id = (await client.get_workflow_handle(saga_id).describe()).run_id
        first = client.get_workflow_handle(saga_id, run_id=run_id, result_type=OrderOutcome)
        side.gate(saga_id)
        try:
            async with side.turns.take(side.letter, "reset"):
                second = await reset(client, first, FIRST)
            outcome = await second.result()
        finally:
            gates.pop(saga_id)
        return PartnerEnding(str(outcome.status))


@dataclass(frozen=True)
class AuditPartner:
    """An audit that looks at the order of this name, and repairs what it finds."""

    order: str
    name: str = "audit the order"
    kind: str = "audit"

    async def act(self, side: Side) -> PartnerEnding:
        """To the audit's end, which tells what it had to do."""
        report = await audit(side.world, side.meeting.case(self.order), begins=side.gate)
        did = [f"{orphan.remedy} {orphan.saga_id}" for orphan in report.orphans]
        said = ", ".join([*did, *map(str, report.settled)]) or DONE
        order_id = side.meeting.orders[self.order].order_id
        return PartnerEnding(said.replace(order_id, self.order))  # as it is in each run
