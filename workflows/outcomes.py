"""How a saga of an order ended, as the workflow answers its callers.

Of a saga that was reset, the order's own record knows best why it was undone. There is none if an
operator skipped the step that concludes it, or marked it as done.
"""

from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.orders import reason_of
    from contracts.base import Reason
    from contracts.orders import Order, OrderStatus
    from contracts.workflow_io import OrderOutcome, ReturnOutcome
    from saga import Outcome, Step


def build_order_outcome(order_id: str, outcome: Outcome, create: Step[Any, Any]) -> OrderOutcome:
    """`create`: the step whose compensation closes the order, and answers with it."""
    if outcome.cause is None:
        return OrderOutcome(order_id=order_id, status=OrderStatus.CONFIRMED)
    closed: Order | None = outcome.undone[create.name]
    status = closed.status if closed else OrderStatus(outcome.cause.ending)
    reason = closed.reason if closed else reason_of(outcome.cause)
    return OrderOutcome(order_id=order_id, status=status, reason=reason)


def build_return_outcome(order_id: str, outcome: Outcome, begin: Step[Any, Any]) -> ReturnOutcome:
    """`begin`: the step whose compensation abandons the return, and answers why."""
    if outcome.cause is None:
        return ReturnOutcome(order_id=order_id, returned=True)
    abandoned: Reason | None = outcome.undone[begin.name]
    reason = abandoned or reason_of(outcome.cause)
    return ReturnOutcome(order_id=order_id, returned=False, reason=reason)
