"""What keeps the sagas of orders apart when they meet: on an order, its pieces, stock, a price.

Which pairs meet, and what each of these prevents there, is in `invariants.pairs.registry` and in
docs/reference/isolation.md.
"""

from saga.isolation import (
    ByValue,
    CommutativeUpdate,
    Countermeasure,
    HeedsLock,
    Reread,
    SemanticLock,
)

ORDER, PIECES, STOCK = "the order", "the order's pieces", "the stock of a product"
PRICE, CUSTOMER = "the price", "the customer's account"

# The order is pending, and this saga's.
ORDER_IS_PENDING = SemanticLock(on=ORDER, taken_by="create_order", released_by="confirm_order")
# They are reserved, and not sold yet.
PIECES_ARE_RESERVED = SemanticLock(
    on=PIECES, taken_by="reserve_inventory", released_by="commit_inventory"
)
PLACING_MOVES = CommutativeUpdate(on=STOCK, by=("reserve_inventory", "commit_inventory"))
RESERVES_WHAT_IS_THERE = Reread(on=STOCK, at="reserve_inventory")  # one conditional update
PRICE_BY_VALUE = ByValue(on=PRICE)
CUSTOMER_BY_VALUE = ByValue(on=CUSTOMER)  # by its id alone; who was let in is served
PLACING: tuple[Countermeasure, ...] = (
    ORDER_IS_PENDING,
    PIECES_ARE_RESERVED,
    PLACING_MOVES,
    RESERVES_WHAT_IS_THERE,
    PRICE_BY_VALUE,
    CUSTOMER_BY_VALUE,
)

RETURN_IS_REFUSED = HeedsLock(on=ORDER, at="begin_return", refused_as="not_returnable")
RETURN_READS_AGAIN = Reread(on=ORDER, at="begin_return")
ORDER_IS_BEING_RETURNED = SemanticLock(
    on=ORDER, taken_by="begin_return", released_by="mark_returned"
)
RESTOCK_WAITS = HeedsLock(on=PIECES, at="restock")
RETURNING_MOVES = CommutativeUpdate(on=STOCK, by=("restock",))
RETURNING: tuple[Countermeasure, ...] = (
    RETURN_IS_REFUSED,
    RETURN_READS_AGAIN,
    ORDER_IS_BEING_RETURNED,
    RESTOCK_WAITS,
    RETURNING_MOVES,
)
