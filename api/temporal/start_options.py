"""How every saga of an order is started."""

from datetime import timedelta
from typing import Any

from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)

from activities.orders import CUSTOMER_ID_KEY, ORDER_STATUS_KEY
from api.temporal.errors import RPC_TIMEOUT
from contracts.names import Queue
from contracts.orders import CreateOrder, Order, OrderStatus
from saga import SagaState
from saga.progress import SAGA_STATE

# What a killed worker costs each saga whose task it had; the default is 10 s. Four attempts of the
# fast path fit in, which are made within a task.
TASK_TIMEOUT = timedelta(seconds=5)


def saga_options(order: CreateOrder | Order, status: OrderStatus) -> dict[str, Any]:
    """How every saga of an order is started: once under its id, for good."""
    attributes = [
        SearchAttributePair(ORDER_STATUS_KEY, status),
        SearchAttributePair(CUSTOMER_ID_KEY, order.customer_id),
        SearchAttributePair(SAGA_STATE, SagaState.RUNNING),
    ]
    return {
        "task_queue": Queue.ORDERS,
        "id_conflict_policy": WorkflowIDConflictPolicy.FAIL,
        "id_reuse_policy": WorkflowIDReusePolicy.REJECT_DUPLICATE,
        "search_attributes": TypedSearchAttributes(attributes),
        "static_summary": f"{order.total.format()}, {len(order.items)} lines",
        "task_timeout": TASK_TIMEOUT,
        "request_eager_start": True,  # does nothing if this process has no worker for it
        "rpc_timeout": RPC_TIMEOUT,
    }
