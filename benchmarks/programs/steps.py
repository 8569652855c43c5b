"""The six steps of PlaceOrder as plain calls of the services, for peers that have no Temporal.

The same services, commands and barrier keys as the saga's own activities use.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from contracts.inventory import ReserveStock, StockLine
from contracts.orders import ConfirmOrder, CreateOrder
from contracts.payments import ChargePayment
from contracts.users import ValidateUser
from saga.participant import StepKey
from services.composition import Services

# A step of one order: does it, and answers something that can be kept as JSON.
Step = Callable[[CreateOrder], Awaitable[dict[str, Any]]]


def steps_of(services: Services) -> Mapping[str, Step]:
    """The steps by name, in their order."""

    async def create_order(order: CreateOrder) -> dict[str, Any]:
        return _plain(await services.orders.create(_key(order, "create_order"), order))

    async def validate_user(order: CreateOrder) -> dict[str, Any]:
        return _plain(await services.users.validate(ValidateUser(customer_id=order.customer_id)))

    async def reserve_inventory(order: CreateOrder) -> dict[str, Any]:
        key = _key(order, "reserve_inventory")
        return _plain(await services.inventory.reserve(key, _stock(order)))

    async def charge_payment(order: CreateOrder) -> dict[str, Any]:
        charge = ChargePayment(
            order_id=order.order_id, amount=order.total, payment_method=order.payment_method
        )
        return _plain(await services.payments.charge(_key(order, "charge_payment"), charge))

    async def confirm_order(order: CreateOrder) -> dict[str, Any]:
        command = ConfirmOrder(order_id=order.order_id)
        return _plain(await services.orders.confirm(_key(order, "confirm_order"), command))

    async def commit_inventory(order: CreateOrder) -> dict[str, Any]:
        key = _key(order, "commit_inventory")
        return _plain(await services.inventory.commit(key, _stock(order)))

    steps = (
        *(create_order, validate_user, reserve_inventory),
        *(charge_payment, confirm_order, commit_inventory),
    )
    return {step.__name__: step for step in steps}


def _key(order: CreateOrder, step: str) -> StepKey:
    return StepKey(saga_id=order.order_id, step=step)


def _stock(order: CreateOrder) -> ReserveStock:
    lines = tuple(StockLine(sku=item.sku, quantity=item.quantity) for item in order.items)
    return ReserveStock(order_id=order.order_id, lines=lines)


def _plain(reply: Any) -> dict[str, Any]:
    plain: dict[str, Any] = reply.model_dump(mode="json")
    return plain
