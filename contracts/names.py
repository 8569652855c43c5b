"""Names that are known in many places: services, queues and ids on Temporal, databases."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])

AUDITS = "audits"  # the task queue of audits, beside those of the services
AUDIT_SCHEDULE = "audit-orders"  # the id of the schedule that starts them


class Queue(StrEnum):
    """Task queues: one a service; workflows run on `orders`."""

    ORDERS = "orders"
    USERS = "users"
    INVENTORY = "inventory"
    PAYMENTS = "payments"


# Every service and its task queue, after which its database and its role are named, too. Whatever
# concerns all services reads it here (migrations, the local stack, relays), or is compared with it
# by a test (settings, containers, manifests).
SERVICES: Mapping[str, Queue] = {
    "user": Queue.USERS,
    "order": Queue.ORDERS,
    "inventory": Queue.INVENTORY,
    "payment": Queue.PAYMENTS,
}

# Those in which sagas take effect, so that they keep a record of their steps.
STEP_RECORDERS = tuple(service for service in SERVICES if service != "user")

# All databases and their roles: of the services, and of published events.
DATABASES: Mapping[str, str] = {
    **{service: queue.value for service, queue in SERVICES.items()},
    "event": "events",
}


# NOTIFY in the order database: an order's id, after each transaction that added events to it.
ORDER_EVENTS = "order_events"

# Search attributes of a saga of an order, all of type Keyword: two of ours, and the engine's.
ORDER_STATUS, CUSTOMER_ID = "OrderStatus", "CustomerId"
SEARCH_ATTRIBUTES = (ORDER_STATUS, CUSTOMER_ID, "SagaState", "SagaStep")


def workflow_id(order_id: str) -> str:
    """The id of the workflow that carries an order."""
    return f"order-{order_id}"


def order_of(saga_id: str) -> str:
    """The order that a saga is about: its workflow's id holds the order's."""
    return "ord_" + saga_id.partition("ord_")[2].partition("-")[0]


def return_id(order_id: str, attempt: int = 1) -> str:
    """The id of the workflow that returns an order; each attempt to return it has its own.

    The workflow's id is the saga's, and so part of the barrier's keys: what an abandoned attempt
    has tombstoned must not refuse the steps of the next.
    """
    return f"return-{order_id}" if attempt == 1 else f"return-{order_id}-{attempt}"


def is_placing_of(saga_id: str, order_id: str) -> bool:
    """Whether a saga of this id carries this order."""
    return saga_id == workflow_id(order_id)


def is_return_of(saga_id: str, order_id: str) -> bool:
    """Whether a saga of this id returns this order."""
    first, _, attempt = saga_id.partition(order_id)
    return first == "return-" and (not attempt or re.fullmatch(r"-[1-9]\d*", attempt) is not None)


def wire_name(name: str) -> Callable[[Method], Method]:
    """Keeps the name by which an operation of a service is called over HTTP.

    For one whose method was renamed: callers of an earlier release know the earlier name.
    """

    def mark(method: Method) -> Method:
        vars(method)["wire_name"] = name
        return method

    return mark


SETTLED_AS = {"skip": "skipped", "mark_done": "done by other means"}


def describe_settled(step: str, action: str) -> str:
    """What an operator has settled of a saga, in short, such as "refund_payment skipped"."""
    return f"{step} {SETTLED_AS[action]}"
