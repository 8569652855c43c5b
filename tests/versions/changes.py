"""Versions of the workers that should never have been deployed."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.workflow_io import OrderOutcome, PlaceOrderInput
    from workflows.place_order import PlaceOrder


@workflow.defn(name="PlaceOrder")
class Broken(PlaceOrder):
    """Its code fails at once."""

    @workflow.init
    def __init__(self, order: PlaceOrderInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: PlaceOrderInput) -> OrderOutcome:
        raise KeyError("a bug of the new version")
