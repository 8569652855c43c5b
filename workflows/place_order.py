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
    from contracts.orders import ConfirmOrder, CreateOrder, OrderStatus, StepNote
    from contracts.payments import ChargePayment
    from contracts.sagas import TOO_LATE, CancelOrder, OrderOutcome
    from contracts.users import ValidateUser
    from saga import Kind, Notice, Outcome, Resolution, Saga, SagaView, Step

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

# No step of the saga is in the table for this: it is a note for the record, in the order's history.
NOTE = Step(name="note", kind=Kind.RETRIABLE, queue=Queue.ORDERS, action=OrderActivities.note)

# Long enough for every step to use up its patience; whoever still waits then waits in vain.
DEADLINE = timedelta(minutes=30)

ORDER_STATUS = SearchAttributeKey.for_keyword("OrderStatus")


@workflow.defn(name="PlaceOrder")
class PlaceOrder:
    """Carries one order to `confirmed`, or undoes it and says why."""

    @workflow.init
    def __init__(self, order: CreateOrder) -> None:
        self._order_id = order.order_id
        self._saga = Saga(STEPS, notify=self._note)

    @workflow.run
    async def run(self, order: CreateOrder) -> OrderOutcome:
        """Run the saga. Ends as Canceled on Temporal if it was cancelled there, else Completed."""
        self._saga.register(CREATE_ORDER, order)  # however early it ends, it leaves a record
        outcome = await self._saga.run(lambda: self._place(order), deadline=DEADLINE)
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

    async def _note(self, notice: Notice) -> None:
        status = OrderStatus.BLOCKED if notice.still_blocked else OrderStatus.PENDING
        workflow.upsert_search_attributes([ORDER_STATUS.value_set(status)])
        said = notice.resolution
        note = StepNote(
            order_id=self._order_id,
            step=notice.step,
            blocked=notice.blocked,
            still_blocked=notice.still_blocked,
            action=said.action if said else None,
            evidence=said.evidence if said else None,
            who=said.who if said else None,
        )
        await self._saga.record(NOTE, note, notice.number)

    @workflow.query
    def saga(self) -> SagaView:
        """Where the saga stands, step by step."""
        return self._saga.view

    @workflow.update
    async def cancel(self, request: CancelOrder) -> None:
        """Undo the order. Returns as soon as that is certain to happen."""
        self._saga.request_cancel("cancelled_by_customer", request.reason)

    @workflow.update
    async def resolve(self, resolution: Resolution) -> None:
        """An operator's word on a blocked step: retry, skip or mark_done, with evidence."""
        self._saga.resolve(resolution)

    @resolve.validator
    def _can_be_resolved(self, resolution: Resolution) -> None:
        self._saga.check(resolution)

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
