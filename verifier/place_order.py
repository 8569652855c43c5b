"""PlaceOrder as a subject: what must be true of stock, money and records, whatever happened."""

from itertools import count
from uuid import uuid4

from sqlalchemy import select

import workflows.place_order as module
from contracts.inventory import NewProduct, Price
from contracts.message import Money
from contracts.names import workflow_id
from contracts.orders import CreateOrder, OrderLine, OrderStatus
from contracts.payments import PaymentStatus
from contracts.sagas import CancelOrder
from contracts.users import NewUser
from services.order.aggregate import CLOSING
from services.order.tables import events
from services.payment.tables import payments
from verifier.barriers import barriers_hold
from verifier.subject import Case, Ending, Subject
from verifier.world import World

STOCK, QUANTITY, PRICE = 10, 2, Money(minor=500, currency="EUR")
TERMINAL = {"OrderConfirmed", *CLOSING.values()}
CONFIRMED = OrderStatus.CONFIRMED.value
_numbers = count(1)


async def make(world: World) -> Case:
    """A new customer, a new product, and an order of two pieces."""
    unique = f"{uuid4().hex[:12]}-{next(_numbers)}"
    user = await world.services.users.create(NewUser(name="Test", email="test@example.com"))
    sku, total = f"SKU-{unique}", PRICE * QUANTITY
    price = Price(minor=PRICE.minor, currency=PRICE.currency)
    product = NewProduct(sku=sku, name="Thing", price=price, stock=STOCK)
    await world.services.inventory.create_product(product)
    order = CreateOrder(
        order_id=f"ord_{unique}",
        customer_id=user.id,
        items=(OrderLine(sku=sku, quantity=QUANTITY, unit_price=PRICE),),
        total=total,
        payment_method="pm_card_visa",
    )
    return Case(workflow_id(order.order_id), order, order.order_id, sku, QUANTITY, total.minor)


async def stock_is_where_the_status_says(world: World, case: Case, ending: Ending) -> list[str]:
    """Conserved; sold if the order is confirmed, else back on the shelf."""
    product = await world.services.inventory.get_product(case.sku)
    sold = case.quantity if ending.status == CONFIRMED else 0
    found = (product.stocked, product.available, product.reserved, product.sold)
    right = (STOCK, STOCK - sold, 0, sold)
    if found == right:
        return []
    return [f"stock (stocked, available, reserved, sold) is {found}, not {right}"]


async def money_is_where_the_status_says(world: World, case: Case, ending: Ending) -> list[str]:
    """Captured once if confirmed; else what was captured is refunded, once. The ledger balances."""
    ledger = (await world.provider.get("/ledger", params={"order": case.order_id})).json()
    kinds = [entry["kind"] for entry in ledger["entries"]]
    captured, refunded = (sum(ledger[it].values()) for it in ("captured", "refunded"))
    wrong = []
    if not ledger["balanced"]:
        wrong.append("the ledger does not balance")
    if max(kinds.count("capture"), kinds.count("refund")) > 1:
        wrong.append(f"money moved more than once: {kinds}")
    right = case.total if ending.status == CONFIRMED else 0
    if captured - refunded != right:
        wrong.append(f"captured {captured} and refunded {refunded}: {right} should be left")
    return wrong + await _payment_agrees(world, case, captured, refunded)


async def _payment_agrees(world: World, case: Case, captured: int, refunded: int) -> list[str]:
    """The payment's row says what the provider's ledger says."""
    async with world.databases["payment"].transaction() as tx:
        query = select(payments.c.status).where(payments.c.order_id == case.order_id)
        status = (await tx.execute(query)).scalar_one_or_none()
    said = (
        case.total if status in {PaymentStatus.CAPTURED, PaymentStatus.REFUNDED} else 0,
        case.total if status == PaymentStatus.REFUNDED else 0,
    )
    if said == (captured, refunded):
        return []
    return [f"the payment is {status}, but {captured} was captured and {refunded} refunded"]


async def the_record_says_the_truth(world: World, case: Case, ending: Ending) -> list[str]:
    """The order has the workflow's status, was placed once, and ended once."""
    order = await world.services.orders.get(case.order_id)
    async with world.databases["order"].transaction() as tx:
        query = select(events.c.type).where(events.c.stream_id == case.order_id)
        types = [row.type for row in await tx.execute(query)]
    ends = [it for it in types if it in TERMINAL]
    wrong = []
    if ending.status is not None and order.status != ending.status:
        wrong.append(f"the order is {order.status}, its workflow says {ending.status}")
    if order.status in {OrderStatus.PENDING, OrderStatus.BLOCKED}:
        wrong.append(f"the order is left {order.status}")
    if types.count("OrderPlaced") != 1 or len(ends) != 1:
        wrong.append(f"the order was not placed and ended once: {types}")
    return wrong


async def an_accepted_cancel_cancels(_: World, __: Case, ending: Ending) -> list[str]:
    """Who was told that the order will be undone was told the truth."""
    if ending.accepted and ending.status != OrderStatus.CANCELLED:
        return [f"a customer's cancel was accepted, and the order is {ending.status}"]
    return []


PLACE_ORDER = Subject(
    name="PlaceOrder",
    workflow=module.PlaceOrder,
    module=module,
    steps=module.STEPS,
    make=make,
    cancel=CancelOrder(),
    completed=CONFIRMED,
    invariants=(
        stock_is_where_the_status_says,
        money_is_where_the_status_says,
        the_record_says_the_truth,
        an_accepted_cancel_cancels,
        barriers_hold(module.STEPS, CONFIRMED),
    ),
)
