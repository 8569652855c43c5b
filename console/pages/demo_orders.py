"""`POST /console/demo-orders`: a few orders to look at, on a stack that is for trying things out.

Only where the settings say so, as `saga up` does beside its own sandbox provider: no money moves.
"""

import asyncio
from contextlib import suppress
from uuid import uuid4

from fastapi import APIRouter, Response
from starlette.responses import RedirectResponse

from api.http.problem_details import Problem
from api.schemas import PlaceOrderBody
from console.dependencies import ConsoleBackend, ConsoleDeps
from console.security import csrf
from console.session_route import ConsoleRoute, SignedIn
from contracts.inventory import NewProduct, Price
from contracts.users import NewUser
from saga.participant import Rejected

PLENTY, SCARCE = "DEMO-PLENTY", "DEMO-SCARCE"
PRICE = Price(minor=1999, currency="EUR")
PRODUCTS = (
    NewProduct(sku=PLENTY, name="Demo product, plenty of it", price=PRICE, stock=1000),
    NewProduct(sku=SCARCE, name="Demo product, one piece", price=PRICE, stock=1),
)
ORDERS = (  # product, pieces, payment method
    (PLENTY, 1, "pm_card_visa"),
    (PLENTY, 3, "pm_card_visa"),
    (PLENTY, 2, "pm_sandbox_slow"),
    (PLENTY, 1, "pm_card_visa_chargeDeclinedInsufficientFunds"),
    (SCARCE, 2, "pm_card_visa"),
)
router = APIRouter(prefix=f"{csrf.PATH}/demo-orders", route_class=ConsoleRoute)


@router.post("")
async def place_demo_orders(me: SignedIn, deps: ConsoleDeps) -> Response:
    """Place them for a customer of their own, and show them."""
    if not deps.console.demo_orders:
        raise Problem(409, "no_demo_orders", "this console places no orders: CONSOLE_DEMO_ORDERS")
    await asyncio.gather(*(_offer(product, deps) for product in PRODUCTS))
    customer = await deps.services.users.create(NewUser(name="Demo", email="demo@example.com"))
    for sku, pieces, method in ORDERS:
        body = PlaceOrderBody.model_validate(
            {
                "customer_id": customer.id,
                "items": [{"sku": sku, "quantity": pieces}],
                "payment_method": method,
            }
        )
        await deps.placement.place(me.caller.subject, uuid4().hex, body)
    return RedirectResponse(csrf.PATH, 303, csrf.HEADERS)


async def _offer(product: NewProduct, deps: ConsoleBackend) -> None:
    with suppress(Rejected):  # it is there since the last time
        await deps.services.inventory.create_product(product)
