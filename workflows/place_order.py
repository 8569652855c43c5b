"""The order saga: create order, validate user, reserve stock, charge, confirm, commit stock.

The input (`contracts.workflow_io.PlaceOrderInput`) is the accepted order, complete: every step's
command, and every compensation, can be computed from it alone.
"""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.inventory import InventoryActivities
    from activities.orders import OrderActivities
    from activities.payments import PaymentActivities
    from activities.users import UserActivities
    from contracts.names import Queue
    from contracts.workflow_io import PLACING, OrderOutcome, PlaceOrderInput
    from saga import SagaDefinition, Step, StepKind
    from workflows import commands, isolation, outcomes
    from workflows.order_saga import OrderSaga

CREATE = Step(
    name="create_order",
    kind=StepKind.COMPENSATABLE,
    queue=Queue.ORDERS,
    command=commands.the_order,
    action=OrderActivities.create,
    compensation=OrderActivities.close,
    concludes=True,
    does="records the order as pending",
    undoes="closes the order, and records why",
)
VALIDATE = Step(
    name="validate_user",
    kind=StepKind.READ,
    queue=Queue.USERS,
    command=commands.validate,
    action=UserActivities.validate,
    does="checks that the customer exists and is active",
)
RESERVE = Step(
    name="reserve_inventory",
    kind=StepKind.COMPENSATABLE,
    queue=Queue.INVENTORY,
    command=commands.stock_of,
    summary=commands.pieces,
    action=InventoryActivities.reserve,
    compensation=InventoryActivities.release,
    does="sets {pieces} aside",
    undoes="puts {pieces} back on the shelf",
)
CHARGE = Step(
    name="charge_payment",
    kind=StepKind.COMPENSATABLE,
    queue=Queue.PAYMENTS,
    command=commands.charge,
    summary=commands.money,
    action=PaymentActivities.charge,
    compensation=PaymentActivities.refund,
    awaits_outcome=commands.AUTHENTICATION,
    attempt=timedelta(seconds=10),  # up to three requests to the provider of 3 s each
    does="charges {total} to the customer's card",
    undoes="gives {total} back to the customer, or calls off a charge under way",
)
CONFIRM = Step(
    name="confirm_order",
    kind=StepKind.PIVOT,
    queue=Queue.ORDERS,
    command=commands.confirm,
    action=OrderActivities.confirm,
    fence=OrderActivities.fence_confirm,
    does="makes the order binding",
)
COMMIT = Step(
    name="commit_inventory",
    kind=StepKind.RETRIABLE,
    queue=Queue.INVENTORY,
    command=commands.stock_of,
    action=InventoryActivities.commit,
    does="counts {pieces} as sold",
)
PLACE_ORDER = SagaDefinition(
    name=PLACING.name,
    steps=(CREATE, VALIDATE, RESERVE, CHARGE, CONFIRM, COMMIT),
    # Long enough for every step to use up its patience; whoever still waits then waits in vain.
    deadline=timedelta(minutes=30),
    isolation=isolation.PLACING,
)


@workflow.defn(name=PLACE_ORDER.name)
class PlaceOrder(OrderSaga):
    """Carries one order to `confirmed`, or undoes it and says why."""

    definition = PLACE_ORDER

    @workflow.init
    def __init__(self, order: PlaceOrderInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: PlaceOrderInput) -> OrderOutcome:
        """Run the saga. Ends as Canceled on Temporal if it was cancelled there, else Completed."""
        outcome = await self._run(PLACING)
        result = outcomes.build_order_outcome(order.order_id, outcome, CREATE)
        await self._close(outcome, result.reason, show=result.status)
        return result
