"""Which steps of an order's saga are not as the order's status says, by what they left behind."""

from collections.abc import Collection, Sequence

from contracts.orders import OrderStatus

BINDING = (OrderStatus.CONFIRMED, OrderStatus.RETURNED)
CLOSED = (OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.TIMED_OUT)

# The steps whose traces tell how far a saga came (workflows/place_order.py, return_order.py).
CREATED, RESERVED, CHARGED = "create_order", "reserve_inventory", "charge_payment"
CONFIRMED, SOLD = "confirm_order", "commit_inventory"
BEGUN, GIVEN_BACK = "begin_return", "refund_payment"
RESTOCKED, RETURNED = "restock", "mark_returned"


def missing_of_order(
    status: OrderStatus, steps: Collection[str], *, captured: bool
) -> Sequence[str]:
    """The steps of an order's saga of which something is not as this status says.

    `steps` are those that stand in the inventory, `captured` whether money is.
    """
    if status.is_open:
        return (CREATED, CONFIRMED)
    if status is OrderStatus.CONFIRMED:
        return () if SOLD in steps else (SOLD,)
    if status is OrderStatus.RETURNED:
        return (SOLD,) if RESERVED in steps and SOLD not in steps else ()
    held = (RESERVED,) if RESERVED in steps else ()
    return (*held, CHARGED) if captured else held


def missing_of_return(
    status: OrderStatus, steps: Collection[str], *, sold: bool, captured: bool
) -> Sequence[str]:
    """The same for a return that ended with everything given back.

    `sold`: so says the inventory of the order. What it does not sell it need not take back.
    """
    unmarked = () if status is OrderStatus.RETURNED else (RETURNED,)
    gone = (RESTOCKED,) if sold and RESTOCKED not in steps else ()
    return (*unmarked, *gone, *((GIVEN_BACK,) if captured else ()))
