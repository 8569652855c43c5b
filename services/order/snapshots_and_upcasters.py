"""How orders' events of old schemas are read, and when a snapshot of an order is worth its row."""

from typing import Any

from pydantic import TypeAdapter

from infrastructure.eventstore.upcasters import Data, Upcasters
from services.order.aggregate import OrderAggregate

SNAPSHOT_SCHEMA = 4  # raise it when OrderAggregate's fields change
SNAPSHOT_EVERY = 50  # most orders have five events; one whose steps were blocked often has many
_STATE = TypeAdapter(OrderAggregate)


def _with_request(data: Data) -> Data:
    """The first version did not always say which request an order came of, or when."""
    return {"fingerprint": None, "accepted_at": None, **data}


UPCASTERS = Upcasters({("OrderPlaced", 1): _with_request})


def as_state(order: OrderAggregate) -> Any:
    """The order as a snapshot keeps it."""
    return _STATE.dump_python(order, mode="json")


def from_state(order_id: str, state: Any | None) -> OrderAggregate:
    """The order of a snapshot, or one that has not begun."""
    return OrderAggregate(order_id) if state is None else _STATE.validate_python(state)
