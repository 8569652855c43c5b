"""Changes of the code that would break sagas which run, and one that is guarded against that."""

from dataclasses import replace

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.workflow_io import OrderOutcome, PlaceOrderInput
    from workflows import place_order as code

CREATE, VALIDATE, RESERVE, *REST = code.PLACE_ORDER
STOCK_FIRST = replace(code.PLACE_ORDER, steps=(CREATE, RESERVE, VALIDATE, *REST))
AGAIN = replace(VALIDATE, name="validate_again")


@workflow.defn(name="PlaceOrder")
class StockBeforeUser(code.PlaceOrder):
    """Two steps change places."""

    definition = STOCK_FIRST

    @workflow.init
    def __init__(self, order: PlaceOrderInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: PlaceOrderInput) -> OrderOutcome:
        return await super().run(order)


@workflow.defn(name="PlaceOrder")
class Uncommitted(code.PlaceOrder):
    """A step is gone."""

    definition = replace(
        code.PLACE_ORDER,
        steps=(CREATE, VALIDATE, RESERVE, *REST[:-1]),
        isolation=(),  # what was said of the step is gone with it
    )

    @workflow.init
    def __init__(self, order: PlaceOrderInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: PlaceOrderInput) -> OrderOutcome:
        return await super().run(order)


@workflow.defn(name="PlaceOrder")
class ValidatedTwice(code.PlaceOrder):
    """A step is new."""

    definition = replace(
        code.PLACE_ORDER, steps=(CREATE, VALIDATE, RESERVE, REST[0], AGAIN, *REST[1:])
    )

    @workflow.init
    def __init__(self, order: PlaceOrderInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: PlaceOrderInput) -> OrderOutcome:
        return await super().run(order)


@workflow.defn(name="PlaceOrder")
class Unfenced(code.PlaceOrder):
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
class Guarded(code.PlaceOrder):
    """Two steps change places in sagas that begin from now on."""

    @workflow.init
    def __init__(self, order: PlaceOrderInput) -> None:
        if workflow.patched("stock-before-user"):
            self.definition = STOCK_FIRST
        super().__init__(order)

    @workflow.run
    async def run(self, order: PlaceOrderInput) -> OrderOutcome:
        return await super().run(order)
