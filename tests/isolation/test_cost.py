"""What isolation costs an order that meets nobody: no statement and no transaction of its own."""

from pathlib import Path

from pydantic import SecretStr

from contracts.base import Money
from contracts.inventory import NewProduct, Price
from contracts.orders import ConfirmOrder, OrderStatus
from contracts.payments import ChargePayment
from contracts.users import NewUser, ValidateUser
from infrastructure.settings import DatabaseSettings, ProviderSettings
from services.inventory.service import Inventory
from services.order.service import Orders
from services.payment.provider.client import Provider
from services.payment.service import Payments
from services.user.service import Users
from tests.sandbox.process import KEY, running_sandbox
from tests.services.calls import key, lines, placed
from tests.support.ways import WatchedDatabase

SAGA = "order-ord_1"
# Statements by service, each a transaction and a round trip of its own. The order is read before it
# is confirmed; a charge is begun, has its intent stored, and is captured.
STATEMENTS = {"user": 1, "order": 1 + 2, "inventory": 1 + 1, "payment": 3}


async def test_an_order_that_meets_nobody_takes_its_own_statements_only(
    databases: DatabaseSettings, tmp_path: Path
) -> None:
    opened = {
        service: WatchedDatabase(getattr(databases, f"{service}_database_url"))
        for service in STATEMENTS
    }
    orders, stock = Orders(opened["order"]), Inventory(opened["inventory"])
    users = Users(opened["user"])
    customer = await users.create(NewUser(name="One", email="one@example.com"))
    price = Price(minor=150, currency="EUR")
    await stock.create_product(NewProduct(sku="A", name="A", price=price, stock=10))
    for database in opened.values():
        database.singles = database.transactions = 0
    async with running_sandbox(tmp_path) as sandbox:
        provider = Provider(
            ProviderSettings(payment_provider_url=sandbox.url, payment_provider_key=SecretStr(KEY))
        )
        wanted = lines("ord_1", ("A", 2))
        await orders.create(key(SAGA, "create_order"), placed("ord_1"))
        await users.validate(ValidateUser(customer_id=customer.id))
        await stock.reserve(key(SAGA, "reserve_inventory"), wanted)
        amount = Money(minor=300, currency="EUR")
        charge = ChargePayment(order_id="ord_1", amount=amount, payment_method="pm_card_visa")
        await Payments(opened["payment"], provider).charge(key(SAGA, "charge_payment"), charge)
        order = await orders.confirm(key(SAGA, "confirm_order"), ConfirmOrder(order_id="ord_1"))
        await stock.commit(key(SAGA, "commit_inventory"), wanted)
        await provider.close()
    assert order.status is OrderStatus.CONFIRMED
    assert {service: database.singles for service, database in opened.items()} == STATEMENTS
    assert {database.transactions for database in opened.values()} == {0}
    for database in opened.values():
        await database.close()
