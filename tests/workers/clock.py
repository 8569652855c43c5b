"""A saga that reads the clock of its machine, which no workflow may."""

from datetime import UTC, datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.workflow_io import OrderOutcome, PlaceOrderInput
    from workflows import place_order


@workflow.defn(name="PlaceOrder")
class ReadsTheClock(place_order.PlaceOrder):
    """All else is as it should be."""

    @workflow.init
    def __init__(self, order: PlaceOrderInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: PlaceOrderInput) -> OrderOutcome:
        datetime.now(UTC)
        return await super().run(order)
