"""Names on Temporal that are part of the public contract."""

from enum import StrEnum


class Queue(StrEnum):
    """Task queues: one a service; workflows run on `orders`."""

    ORDERS = "orders"
    USERS = "users"
    INVENTORY = "inventory"
    PAYMENTS = "payments"


SEARCH_ATTRIBUTES = ("OrderStatus", "CustomerId", "SagaState", "SagaStep")


def workflow_id(order_id: str) -> str:
    """The id of the workflow that carries an order."""
    return f"order-{order_id}"
