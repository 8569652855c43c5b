"""Changes of the code that would break sagas which run, and one that is guarded against that."""

from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.orders import ConfirmOrder, CreateOrder
    from contracts.sagas import OrderOutcome, PlaceOrderInput
    from contracts.users import ValidateUser
    from saga import Step
    from workflows import place_order as code
    from workflows.order_saga import stock_of


class Changed(code.PlaceOrder):
    """The saga, whose forward path a test writes anew."""

    async def forward(self, order: CreateOrder, *names: str) -> None:
        """These steps, in this order."""
        commands: dict[str, Any] = {
            "create_order": order,
            "validate_user": ValidateUser(customer_id=order.customer_id),
            "reserve_inventory": stock_of(order.order_id, order.items),
            "charge_payment": code._charge(order),
            "confirm_order": ConfirmOrder(order_id=order.order_id),
            "commit_inventory": stock_of(order.order_id, order.items),
        }
        steps: dict[str, Step[Any, Any]] = {it.name: it for it in code.STEPS}
        for name in names:
            await self._saga.step(steps[name], commands[name])


NAMES = tuple(it.name for it in code.STEPS)
STOCK_FIRST = ("create_order", "reserve_inventory", "validate_user", *NAMES[3:])


@workflow.defn(name="PlaceOrder")
class StockBeforeUser(Changed):
    """Two steps change places."""

    @workflow.init
    def __init__(self, order: PlaceOrderInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: PlaceOrderInput) -> OrderOutcome:
        return await super().run(order)

    async def _place(self, order: CreateOrder) -> None:
        await self.forward(order, *STOCK_FIRST)


@workflow.defn(name="PlaceOrder")
class Uncommitted(Changed):
    """A step is gone."""

    @workflow.init
    def __init__(self, order: PlaceOrderInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: PlaceOrderInput) -> OrderOutcome:
        return await super().run(order)

    async def _place(self, order: CreateOrder) -> None:
        await self.forward(order, *NAMES[:-1])


@workflow.defn(name="PlaceOrder")
class ValidatedTwice(Changed):
    """A step is new."""

    @workflow.init
    def __init__(self, order: PlaceOrderInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: PlaceOrderInput) -> OrderOutcome:
        return await super().run(order)

    async def _place(self, order: CreateOrder) -> None:
        await self.forward(order, *NAMES[:4], "validate_user", *NAMES[4:])


@workflow.defn(name="PlaceOrder")
class Unfenced(Changed):
    """Only what is undone changes: nobody asks first whether the pivot had landed."""

    @workflow.init
    def __init__(self, order: PlaceOrderInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: PlaceOrderInput) -> OrderOutcome:
        self._saga._pivots.clear()
        return await super().run(order)


BREAKING = (StockBeforeUser, Uncommitted, ValidatedTwice, Unfenced)


@workflow.defn(name="PlaceOrder")
class Guarded(Changed):
    """Two steps change places in sagas that begin from now on."""

    @workflow.init
    def __init__(self, order: PlaceOrderInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: PlaceOrderInput) -> OrderOutcome:
        return await super().run(order)

    async def _place(self, order: CreateOrder) -> None:
        again = workflow.patched("stock-before-user")
        await self.forward(order, *(STOCK_FIRST if again else NAMES))
