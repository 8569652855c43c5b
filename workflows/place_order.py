"""The order saga: create order, validate user, reserve stock, charge, confirm, commit stock.

The input (`contracts.sagas.PlaceOrderInput`) is the accepted order, complete: every step's command,
and every compensation, can be computed from it alone.
"""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.inventory import InventoryActivities
    from activities.orders import OrderActivities
    from activities.payments import PaymentActivities
    from activities.users import UserActivities
    from contracts.names import Queue, workflow_id
    from contracts.orders import ConfirmOrder, CreateOrder, Order, OrderStatus
    from contracts.payments import ChargePayment
    from contracts.sagas import OrderOutcome, PlaceOrderInput
    from contracts.users import ValidateUser
    from saga import Kind, Notice, Outcome, Step
    from workflows.order_saga import OrderSaga, check_id, money, pieces, reason_of, stock_of

CREATE_ORDER = Step(
    name="create_order",
    kind=Kind.COMPENSATABLE,
    queue=Queue.ORDERS,
    action=OrderActivities.create,
    compensation=OrderActivities.close,
    concludes=True,
)
VALIDATE_USER = Step(
    name="validate_user",
    kind=Kind.READ,
    queue=Queue.USERS,
    action=UserActivities.validate,
)
RESERVE_INVENTORY = Step(
    name="reserve_inventory",
    kind=Kind.COMPENSATABLE,
    queue=Queue.INVENTORY,
    action=InventoryActivities.reserve,
    compensation=InventoryActivities.release,
)
CHARGE_PAYMENT = Step(
    name="charge_payment",
    kind=Kind.COMPENSATABLE,
    queue=Queue.PAYMENTS,
    action=PaymentActivities.charge,
    compensation=PaymentActivities.refund,
    attempt=timedelta(seconds=10),  # up to three requests to the provider of 3 s each
)
CONFIRM_ORDER = Step(
    name="confirm_order",
    kind=Kind.PIVOT,
    queue=Queue.ORDERS,
    action=OrderActivities.confirm,
    fence=OrderActivities.fence_confirm,
)
COMMIT_INVENTORY = Step(
    name="commit_inventory",
    kind=Kind.RETRIABLE,
    queue=Queue.INVENTORY,
    action=InventoryActivities.commit,
)
STEPS = (
    CREATE_ORDER,
    VALIDATE_USER,
    RESERVE_INVENTORY,
    CHARGE_PAYMENT,
    CONFIRM_ORDER,
    COMMIT_INVENTORY,
)

# Long enough for every step to use up its patience; whoever still waits then waits in vain.
DEADLINE = timedelta(minutes=30)


@workflow.defn(name="PlaceOrder")
class PlaceOrder(OrderSaga):
    """Carries one order to `confirmed`, or undoes it and says why."""

    @workflow.init
    def __init__(self, order: PlaceOrderInput) -> None:
        super().__init__(STEPS, order.order_id, order)

    @workflow.run
    async def run(self, order: PlaceOrderInput) -> OrderOutcome:
        """Run the saga. Ends as Canceled on Temporal if it was cancelled there, else Completed."""
        check_id(workflow.info().workflow_id == workflow_id(order.order_id), order.order_id)
        self._saga.declare(CREATE_ORDER, order)
        self._saga.declare(RESERVE_INVENTORY, stock_of(order.order_id, order.items))
        self._saga.declare(CHARGE_PAYMENT, _charge(order))
        outcome = await self._saga.run(lambda: self._place(order), deadline=DEADLINE)
        result = _result(order, outcome)
        self._show(result.status)
        await workflow.wait_condition(workflow.all_handlers_finished)
        cause = outcome.cause
        self._saga.close(outcome, on_record=cause is None or result.reason == reason_of(cause))
        return result

    async def _place(self, order: CreateOrder) -> None:
        stock = stock_of(order.order_id, order.items)
        charge = _charge(order)
        await self._saga.step(CREATE_ORDER, order)
        await self._saga.step(VALIDATE_USER, ValidateUser(customer_id=order.customer_id))
        await self._saga.step(RESERVE_INVENTORY, stock, summary=pieces(stock))
        await self._saga.step(CHARGE_PAYMENT, charge, summary=money(order.total))
        await self._saga.step(CONFIRM_ORDER, ConfirmOrder(order_id=order.order_id))
        await self._saga.step(COMMIT_INVENTORY, stock, summary=pieces(stock))

    async def _note(self, notice: Notice) -> None:
        status = OrderStatus.BLOCKED if notice.still_blocked else OrderStatus.PENDING
        self._show(status)
        await super()._note(notice)


def _charge(order: CreateOrder) -> ChargePayment:
    return ChargePayment(
        order_id=order.order_id, amount=order.total, payment_method=order.payment_method
    )


def _result(order: CreateOrder, outcome: Outcome) -> OrderOutcome:
    if outcome.cause is None:
        return OrderOutcome(order_id=order.order_id, status=OrderStatus.CONFIRMED)
    # Of a saga that was reset, the order's own record knows best why it was closed. There is none
    # if an operator skipped the closing, or marked it as done.
    closed: Order | None = outcome.undone[CREATE_ORDER.name]
    if closed is None:
        status = OrderStatus(outcome.cause.ending)
        reason = reason_of(outcome.cause)
        return OrderOutcome(order_id=order.order_id, status=status, reason=reason)
    return OrderOutcome(order_id=order.order_id, status=closed.status, reason=closed.reason)
