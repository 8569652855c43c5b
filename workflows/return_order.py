"""The return saga: begin the return, give the money back, restock, mark the order as returned.

The pivot is the refund. Until it begins, all there is to undo is a mark on the order. Once it is
asked for, nobody can take it back: a new charge would need the customer. So what may still be
refused comes first, and what must follow waits behind it: goods on the shelf may be sold again at
once, so they go there only when nothing can undo the return any more.

The input (`contracts.workflow_io.ReturnOrderInput`) is all that every command is computed from.
"""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.inventory import InventoryActivities
    from activities.orders import OrderActivities
    from activities.payments import PaymentActivities
    from contracts.names import Queue
    from contracts.orders import OrderStatus
    from contracts.workflow_io import RETURNING, ReturnOrderInput, ReturnOutcome
    from saga import SagaDefinition, Step, StepKind
    from workflows import commands, isolation, outcomes
    from workflows.order_saga import OrderSaga

BEGIN_RETURN = Step(
    name="begin_return",
    kind=StepKind.COMPENSATABLE,
    queue=Queue.ORDERS,
    command=commands.the_return,
    action=OrderActivities.begin_return,
    compensation=OrderActivities.abandon_return,
    concludes=True,
    does="marks the order as being returned",
    undoes="leaves the order as it was, and records why",
)
REFUND_PAYMENT = Step(
    name="refund_payment",
    kind=StepKind.PIVOT,
    queue=Queue.PAYMENTS,
    command=commands.give_back,
    action=PaymentActivities.give_back,
    fence=PaymentActivities.fence_give_back,
    attempt=timedelta(seconds=10),  # up to three requests to the provider of 3 s each
    does="gives {total} back to the customer; nobody can call that back",
)
RESTOCK = Step(
    name="restock",
    kind=StepKind.RETRIABLE,
    queue=Queue.INVENTORY,
    command=commands.stock_of,
    action=InventoryActivities.restock,
    does="puts {pieces} back on the shelf, to be sold again",
)
MARK_RETURNED = Step(
    name="mark_returned",
    kind=StepKind.RETRIABLE,
    queue=Queue.ORDERS,
    command=commands.the_return,
    action=OrderActivities.complete_return,
    does="records the order as returned",
)
RETURN_ORDER = SagaDefinition(
    name=RETURNING.name,
    steps=(BEGIN_RETURN, REFUND_PAYMENT, RESTOCK, MARK_RETURNED),
    deadline=timedelta(minutes=30),  # until the refund begins
    isolation=isolation.RETURNING,
)


@workflow.defn(name=RETURN_ORDER.name)
class ReturnOrder(OrderSaga):
    """Carries one confirmed order to `returned`, or leaves it confirmed and says why."""

    definition = RETURN_ORDER

    @workflow.init
    def __init__(self, order: ReturnOrderInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: ReturnOrderInput) -> ReturnOutcome:
        """Run the saga. Ends as Canceled on Temporal if it was cancelled there, else Completed."""
        outcome = await self._run(RETURNING)
        result = outcomes.build_return_outcome(order.order_id, outcome, BEGIN_RETURN)
        show = OrderStatus.RETURNED if result.returned else None
        await self._close(outcome, result.reason, show=show)
        return result
