"""What the books of an order must say, whatever its sagas did: stock, money, who was promised."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from sqlalchemy import select, update

from contracts.base import Money
from contracts.inventory import NewProduct, Price
from contracts.orders import CreateOrder, OrderLine
from contracts.payments import PaymentStatus
from contracts.users import NewUser
from invariants.cases import OrderCase, OrderEnding
from invariants.environment import OrderWorld
from services.inventory.tables import products
from services.order.tables import events
from services.payment.tables import payments

STOCK, QUANTITY, PRICE = 10, 2, Money(minor=500, currency="EUR")
TOTAL = PRICE * QUANTITY
_numbers = count(1)
A_MOMENT = timedelta(seconds=2)  # by which clocks differ


async def new_order(world: OrderWorld) -> CreateOrder:
    """An order of two pieces, not placed yet, with a customer and a product of its own."""
    unique = f"{uuid4().hex[:12]}{next(_numbers)}"  # what follows a dash counts returns
    world.begun[f"ord_{unique}"] = datetime.now(UTC) - A_MOMENT
    user = await world.services.users.create(NewUser(name="Test", email="test@example.com"))
    price = Price(minor=PRICE.minor, currency=PRICE.currency)
    product = NewProduct(sku=f"SKU-{unique}", name="Thing", price=price, stock=STOCK)
    await world.services.inventory.create_product(product)
    return CreateOrder(
        order_id=f"ord_{unique}",
        customer_id=user.id,
        items=(OrderLine(sku=product.sku, quantity=QUANTITY, unit_price=PRICE),),
        total=TOTAL,
        payment_method="pm_card_visa",
    )


async def stock_is_conserved(
    world: OrderWorld, case: OrderCase, *, sold: bool, reserved: bool = False
) -> list[str]:
    """The order's pieces are sold, or back on the shelf, or still reserved; none is gone."""
    product = await world.services.inventory.get_product(case.order.items[0].sku)
    held, pieces = QUANTITY if reserved else 0, QUANTITY if sold and not reserved else 0
    found = (product.stocked, product.available, product.reserved, product.sold)
    right = (product.stocked, product.stocked - pieces - held, held, pieces)
    if found == right:
        return []
    return [f"stock (stocked, available, reserved, sold) is {found}, not {right}"]


async def clear_the_shelf(world: OrderWorld, case: OrderCase) -> None:
    """All pieces but one are gone when somebody looks: less than the order asks for."""
    async with world.databases["inventory"].transaction() as tx:
        sku = products.c.sku == case.order.items[0].sku
        await tx.execute(update(products).where(sku).values(stocked=1, available=1))


async def money_is_conserved(
    world: OrderWorld, case: OrderCase, ending: OrderEnding, *, kept: bool
) -> list[str]:
    """The total is kept, or what was captured is refunded; once at most. The ledger balances."""
    ledger = await ledger_of(world, case)
    kinds = [entry["kind"] for entry in ledger["entries"]]
    captured, refunded = (sum(ledger[name].values()) for name in ("captured", "refunded"))
    wrong = []
    if not ledger["balanced"]:
        wrong.append("the ledger does not balance")
    standing = kinds.count("refund") - kinds.count("refund_failure")
    if max(kinds.count("capture"), standing - ending.by_hand) > 1:
        wrong.append(f"money moved more than once: {kinds}")
    right = case.order.total.minor if kept else 0
    if captured - refunded != right:
        wrong.append(f"captured {captured} and refunded {refunded}: {right} should be left")
    if "payment" in ending.set_back and captured == refunded:
        return wrong  # whether it knows of a payment of which nothing is left makes no difference
    return wrong + await _payment_agrees(world, case, captured, refunded)


async def ledger_of(world: OrderWorld, case: OrderCase) -> Any:
    """What the provider's ledger says of the order."""
    return (await world.provider.get("/ledger", params={"order": case.order.order_id})).json()


async def _payment_agrees(
    world: OrderWorld, case: OrderCase, captured: int, refunded: int
) -> list[str]:
    """The payment's row says what the provider's ledger says."""
    async with world.databases["payment"].transaction() as tx:
        query = select(payments.c.status).where(payments.c.order_id == case.order.order_id)
        status = (await tx.execute(query)).scalar_one_or_none()
    total = case.order.total.minor
    said = (
        total if status in {PaymentStatus.CAPTURED, PaymentStatus.REFUNDED} else 0,
        total if status == PaymentStatus.REFUNDED else 0,
    )
    if said == (captured, refunded):
        return []
    return [f"the payment is {status}, but {captured} was captured and {refunded} refunded"]


async def fetch_event_types(world: OrderWorld, case: OrderCase) -> Sequence[str]:
    """The types of the order's events, oldest first."""
    async with world.databases["order"].transaction() as tx:
        query = select(events.c.type).where(events.c.stream_id == case.order.order_id)
        return [row.type for row in await tx.execute(query.order_by(events.c.version))]


async def an_accepted_cancel_cancels(
    _: OrderWorld, case: OrderCase, ending: OrderEnding
) -> list[str]:
    """Who was told that the saga will be undone was told the truth.

    On the fast path a task that was lost may have undone it before, for another cause; and so may
    an earlier life.
    """
    anyhow = case.fast or ending.lives
    undone = {"cancelled", "rejected", "timed_out"} if anyhow else {"cancelled"}
    if ending.accepted and ending.status not in undone:
        return [f"a customer's cancel was accepted, and the saga ended as {ending.status}"]
    return []


async def words_are_on_record(world: OrderWorld, case: OrderCase, ending: OrderEnding) -> list[str]:
    """What a person said and heard no refusal of is told by the order's events, once; nothing else.

    If no answer came, it may be on record.
    """
    async with world.databases["order"].transaction() as tx:
        query = select(events.c.data).where(events.c.stream_id == case.order.order_id)
        data = [row.data for row in await tx.execute(query)]
    told = Counter((datum.get("action"), datum.get("evidence"), datum.get("who")) for datum in data)
    wrong = []
    for decision in ending.decisions:
        number = told[decision.action.value, decision.evidence, decision.who]
        right = {0, 1} if decision.accepted is None else {int(decision.accepted)}
        if number not in right:
            said = (
                f"{decision.who} said {decision.action} of {decision.step} on {decision.evidence}"
            )
            answer = {True: "accepted", False: "refused", None: "unanswered"}[decision.accepted]
            wrong.append(f"{said}, which was {answer} and is {number} times on record")
    return wrong
