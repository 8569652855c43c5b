"""All pairs of `saga verify --concurrent`."""

from functools import partial

from invariants.pairs.meeting import (
    INVARIANTS,
    observe,
    one_order,
    place,
    price_and_place,
    two_orders,
)
from invariants.pairs.others import (
    ADD_STOCK,
    CLOSE_ACCOUNT,
    DOUBLE_PRICE,
    ERASE_ACCOUNT,
    AuditPartner,
    ResetPartner,
    one_placed_order,
)
from invariants.pairs.returns import (
    a_confirmed_order_and_a_new_one,
    one_confirmed_order,
    return_it,
)
from invariants.stock_and_money import QUANTITY
from saga.verify.concurrent.anomalies import Anomaly
from saga.verify.concurrent.pair import Pair

# With a fault of one of the two, the other may have been answered by what that then takes back.
TURNED_AWAY = "an order is turned away for stock that comes back when the other one is undone"
ASKED_AGAIN = (
    "a return is refused for another one that is then abandoned; it can be asked for again"
)

PLACING = (place("A"), place("B"))

PAIRS = (
    Pair(
        "place and place, the last pieces",
        partial(two_orders, stock=QUANTITY),
        PLACING,
        observe,
        INVARIANTS,
        prevents="the stock is taken by one conditional update, and the constraint of its table",
        allows={Anomaly.DIRTY_READ: TURNED_AWAY},
    ),
    Pair(
        "place and place, the same customer and product",
        partial(two_orders, same_customer=True),
        PLACING,
        observe,
        INVARIANTS,
        prevents="stock moves by differences, which commute",
    ),
    Pair(
        "place and return, the same product",
        a_confirmed_order_and_a_new_one,
        (return_it(), place("B")),
        observe,
        INVARIANTS,
        prevents="stock moves by differences, which commute",
    ),
    Pair(
        "return and return, the same order",
        one_confirmed_order,
        (return_it(), return_it(attempt=2)),
        observe,
        INVARIANTS,
        prevents="the first return marks the order; another one is refused (a semantic lock)",
        allows={Anomaly.DIRTY_READ: ASKED_AGAIN},
    ),
    Pair(
        "place and add stock, one piece too few",
        partial(one_order, stock=QUANTITY - 1),
        (place("A"), ADD_STOCK),
        observe,
        INVARIANTS,
        prevents="what is missing is refused at once and for good, and nothing is read twice",
    ),
    Pair(
        "place and change the price",
        one_order,
        (price_and_place("A"), DOUBLE_PRICE),
        observe,
        INVARIANTS,
        prevents="the accepted price is the saga's input (by value)",
    ),
    Pair(
        "place and close the customer",
        one_order,
        (place("A"), CLOSE_ACCOUNT),
        observe,
        INVARIANTS,
        prevents="the customer is looked at once; whoever was let in is served",
    ),
    Pair(
        "place and erase the customer",
        one_order,
        (place("A"), ERASE_ACCOUNT),
        observe,
        INVARIANTS,
        prevents="the customer is looked at once, and the saga knows the account's id alone",
    ),
    Pair(
        "place and audit, the same order",
        one_order,
        (place("A"), AuditPartner("A")),
        observe,
        INVARIANTS,
        prevents="an audit leaves alone what a saga that is open has done",
    ),
    Pair(
        "return and audit, the same order",
        one_confirmed_order,
        (return_it(), AuditPartner("R")),
        observe,
        INVARIANTS,
        prevents="an audit leaves alone what a saga that is open has done",
    ),
    Pair(
        "return and reset, the same order",
        one_placed_order,
        (return_it(), ResetPartner()),
        observe,
        INVARIANTS,
        prevents="a second life gets the first one's replies, by the barrier's keys",
    ),
)
