"""The return saga: begin the return, give the money back, restock, mark the order as returned.

The pivot is the refund. Until it begins, all there is to undo is a mark on the order. Once it is
asked for, nobody can take it back: a new charge would need the customer. So what may still be
refused comes first, and what must follow waits behind it: goods on the shelf may be sold again at
once, so they go there only when nothing can undo the return any more.

The input (`contracts.sagas.ReturnOrderInput`) is all that every command is computed from.
"""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.inventory import InventoryActivities
    from activities.orders import OrderActivities
    from activities.payments import PaymentActivities
    from contracts.names import Queue, is_return_of
    from contracts.orders import OrderStatus
    from contracts.payments import GiveBack
    from contracts.sagas import ReturnOrderInput, ReturnOutcome
    from saga import Kind, Step
    from workflows.order_saga import OrderSaga, check_id, money, pieces, reason_of, stock_of

BEGIN_RETURN = Step(
    name="begin_return",
    kind=Kind.COMPENSATABLE,
    queue=Queue.ORDERS,
    action=OrderActivities.begin_return,
    compensation=OrderActivities.abandon_return,
    concludes=True,
)
REFUND_PAYMENT = Step(
    name="refund_payment",
    kind=Kind.PIVOT,
    queue=Queue.PAYMENTS,
    action=PaymentActivities.give_back,
    fence=PaymentActivities.fence_give_back,
    attempt=timedelta(seconds=10),  # up to three requests to the provider of 3 s each
)
RESTOCK = Step(
    name="restock",
    kind=Kind.RETRIABLE,
    queue=Queue.INVENTORY,
    action=InventoryActivities.restock,
)
MARK_RETURNED = Step(
    name="mark_returned",
    kind=Kind.RETRIABLE,
    queue=Queue.ORDERS,
    action=OrderActivities.complete_return,
)
STEPS = (BEGIN_RETURN, REFUND_PAYMENT, RESTOCK, MARK_RETURNED)

DEADLINE = timedelta(minutes=30)  # until the refund begins


@workflow.defn(name="ReturnOrder")
class ReturnOrder(OrderSaga):
    """Carries one confirmed order to `returned`, or leaves it confirmed and says why."""

    @workflow.init
    def __init__(self, order: ReturnOrderInput) -> None:
        super().__init__(STEPS, order.order_id, order)

    @workflow.run
    async def run(self, order: ReturnOrderInput) -> ReturnOutcome:
        """Run the saga. Ends as Canceled on Temporal if it was cancelled there, else Completed."""
        is_its_own = is_return_of(workflow.info().workflow_id, order.order_id)
        check_id(is_its_own, f"a return of {order.order_id}")
        self._saga.declare(BEGIN_RETURN, order)
        outcome = await self._saga.run(lambda: self._return(order), deadline=DEADLINE)
        if outcome.cause is None:
            self._show(OrderStatus.RETURNED)
        await workflow.wait_condition(workflow.all_handlers_finished)
        if outcome.cause is None:
            self._saga.close(outcome)
            return ReturnOutcome(order_id=order.order_id, returned=True)
        # Of a saga that was reset, the order's own record knows best why it was abandoned.
        why = reason_of(outcome.cause)
        reason = outcome.undone[BEGIN_RETURN.name] or why
        self._saga.close(outcome, on_record=reason == why)
        return ReturnOutcome(order_id=order.order_id, returned=False, reason=reason)

    async def _return(self, order: ReturnOrderInput) -> None:
        stock = stock_of(order.order_id, order.items)
        refund = GiveBack(order_id=order.order_id, amount=order.total)
        await self._saga.step(BEGIN_RETURN, order)
        await self._saga.step(REFUND_PAYMENT, refund, summary=money(order.total))
        await self._saga.step(RESTOCK, stock, summary=pieces(stock))
        await self._saga.step(MARK_RETURNED, order)
