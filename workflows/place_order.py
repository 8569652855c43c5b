"""The order saga: create order, validate user, reserve stock, charge, confirm, commit stock.

The input is the accepted order (`contracts.orders.CreateOrder`), complete: every step's command,
and every compensation, can be computed from it alone.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.inventory import InventoryActivities
    from activities.orders import OrderActivities
    from activities.payments import PaymentActivities
    from activities.users import UserActivities
    from contracts.inventory import ReserveStock, StockLine
    from contracts.message import Reason
    from contracts.names import Queue
    from contracts.orders import ConfirmOrder, CreateOrder, OrderStatus
    from contracts.payments import ChargePayment
    from contracts.sagas import TOO_LATE, CancelOrder, OrderOutcome
    from contracts.users import ValidateUser
    from saga import Kind, Outcome, Saga, SagaView, Step

CREATE_ORDER = Step(
    name="create_order",
    kind=Kind.COMPENSATABLE,
    queue=Queue.ORDERS,
    action=OrderActivities.create,
    compensation=OrderActivities.close,
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

ORDER_STATUS = SearchAttributeKey.for_keyword("OrderStatus")


@workflow.defn(name="PlaceOrder")
class PlaceOrder:
    """Carries one order to `confirmed`, or undoes it and says why."""

    @workflow.init
    def __init__(self, order: CreateOrder) -> None:
        self._saga = Saga(STEPS)

    @workflow.run
    async def run(self, order: CreateOrder) -> OrderOutcome:
        """Run the saga. Ends as Canceled on Temporal if it was cancelled there, else Completed."""
        self._saga.register(CREATE_ORDER, order)  # however early it ends, it leaves a record
        outcome = await self._saga.run(lambda: self._place(order))
        result = _result(order, outcome)
        workflow.upsert_search_attributes([ORDER_STATUS.value_set(result.status)])
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._saga.close(outcome)
        return result

    async def _place(self, order: CreateOrder) -> None:
        stock = ReserveStock(
            order_id=order.order_id,
            lines=tuple(StockLine(sku=item.sku, quantity=item.quantity) for item in order.items),
        )
        charge = ChargePayment(
            order_id=order.order_id, amount=order.total, payment_method=order.payment_method
        )
        pieces = ", ".join(f"{line.quantity} x {line.sku}" for line in stock.lines[:3])
        money = f"{order.total.minor} minor units {order.total.currency}"
        await self._saga.step(CREATE_ORDER, order)
        await self._saga.step(VALIDATE_USER, ValidateUser(customer_id=order.customer_id))
        await self._saga.step(RESERVE_INVENTORY, stock, summary=pieces)
        await self._saga.step(CHARGE_PAYMENT, charge, summary=money)
        await self._saga.step(CONFIRM_ORDER, ConfirmOrder(order_id=order.order_id))
        await self._saga.step(COMMIT_INVENTORY, stock, summary=pieces)

    @workflow.query
    def saga(self) -> SagaView:
        """Where the saga stands, step by step."""
        return self._saga.view

    @workflow.update
    async def cancel(self, request: CancelOrder) -> None:
        """Undo the order. Returns as soon as that is certain to happen."""
        self._saga.request_cancel("cancelled_by_customer", request.reason)

    @cancel.validator
    def _not_too_late(self, request: CancelOrder) -> None:
        """Refusals leave no trace in history, so that a reset cannot replay a late cancel early."""
        if not self._saga.cancellable:
            raise ApplicationError("the order can no longer be cancelled", type=TOO_LATE)


def _result(order: CreateOrder, outcome: Outcome) -> OrderOutcome:
    if outcome.cause is None:
        return OrderOutcome(order_id=order.order_id, status=OrderStatus.CONFIRMED)
    # Of a saga that was reset, the order's own record knows best why it was closed.
    closed = outcome.undone[CREATE_ORDER.name]
    reason = Reason.model_validate(closed.reason)
    return OrderOutcome(order_id=order.order_id, status=closed.status, reason=reason)
