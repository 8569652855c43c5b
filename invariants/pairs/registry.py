"""All pairs of `saga verify --concurrent`: who meets, what can happen, and what prevents it.

`docs/reference/isolation.md` is written from this. Whatever else checks two sagas at once finds
here what may be (`Pair.allows`), by what they meet on (`Pair.shares`) and who they are
(`Pair.kinds`).
"""

from functools import partial

from invariants.pairs import risks
from invariants.pairs.meeting import (
    INVARIANTS,
    list_locks,
    observe,
    one_order,
    place,
    price_and_place,
    several_orders,
    two_orders_of_two_products,
)
from invariants.pairs.others import (
    ADD_STOCK,
    CLOSE_ACCOUNT,
    DOUBLE_PRICE,
    ERASE_ACCOUNT,
    AuditPartner,
    ResetPartner,
    a_placed_order_and_a_new_one,
    one_order_left_behind,
    one_placed_order,
)
from invariants.pairs.returns import (
    a_confirmed_order_and_a_new_one,
    one_confirmed_order,
    one_new_order,
    return_it,
)
from invariants.stock_and_money import QUANTITY
from saga.verify.concurrent.anomalies import Anomaly
from saga.verify.concurrent.pair import Allowance, Pair
from workflows import isolation

# With a fault of one of the two, the other may have been answered by what that then takes back.
TURNED_AWAY = Allowance(
    "an order is turned away for stock that comes back when the other one is undone",
    answered="out_of_stock",
)
ASKED_AGAIN = Allowance(
    "a return is refused for another one that is then abandoned; it can be asked for again",
    answered="not_returnable",
)

PLACING = (place("A"), place("B"))

PAIRS = (
    Pair(
        "place and place, the last pieces",
        partial(several_orders, 2, stock=QUANTITY),
        PLACING,
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.STOCK,
        risks=(risks.PIECES_TWICE,),
        allows={Anomaly.DIRTY_READ: TURNED_AWAY},
    ),
    Pair(
        "place and place, the same customer and product",
        partial(several_orders, 2, same_customer=True),
        PLACING,
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.STOCK,
        risks=(risks.SALE_LOST,),
    ),
    Pair(
        "place and place, the same two products",
        two_orders_of_two_products,
        PLACING,
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.STOCK,
        risks=(risks.ROWS_CROSSWISE,),
    ),
    Pair(
        "place and return, the same product",
        a_confirmed_order_and_a_new_one,
        (return_it(), place("B")),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.STOCK,
        risks=(risks.RETURN_OR_SALE_LOST,),
    ),
    Pair(
        "place and return, the same order",
        one_new_order,
        (return_it(), place("R")),
        observe,
        INVARIANTS,
        list_locks,
        shares=f"{isolation.ORDER}, and {isolation.PIECES}",
        risks=(
            risks.RETURNED_BEFORE_CONFIRMED,
            risks.RESTOCKED_BEFORE_SOLD,
        ),
    ),
    Pair(
        "return and return, the same order",
        one_confirmed_order,
        (return_it(), return_it(attempt=2)),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.ORDER,
        risks=(
            risks.RETURNED_TWICE,
            risks.MARKED_FOR_GOOD,
            risks.BEGUN_AT_ONCE,
        ),
        allows={Anomaly.DIRTY_READ: ASKED_AGAIN},
    ),
    Pair(
        "place and add stock, the last pieces",
        partial(one_order, stock=QUANTITY),
        (place("A"), ADD_STOCK),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.STOCK,
        risks=(risks.NEW_PIECES_LOST,),
    ),
    Pair(
        "place and change the price",
        one_order,
        (price_and_place("A"), DOUBLE_PRICE),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.PRICE,
        risks=(risks.ANOTHER_PRICE,),
    ),
    Pair(
        "place and close the customer",
        one_order,
        (place("A"), CLOSE_ACCOUNT),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.CUSTOMER,
        risks=(risks.CHARGED_FOR_NOTHING,),
    ),
    Pair(
        "place and erase the customer",
        one_order,
        (place("A"), ERASE_ACCOUNT),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.CUSTOMER,
        risks=(risks.CHARGED_FOR_NOTHING,),
    ),
    Pair(
        "place and audit, the same order",
        one_order,
        (place("A"), AuditPartner("A")),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.ORDER,
        risks=(risks.ORDER_TAKEN_FOR_LEFT_OVER,),
    ),
    Pair(
        "return and audit, the same order",
        one_confirmed_order,
        (return_it(), AuditPartner("R", only=True)),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.ORDER,
        risks=(risks.RETURN_TAKEN_FOR_LEFT_OVER,),
    ),
    Pair(
        "return and reset, the same order",
        one_placed_order,
        (return_it(), ResetPartner()),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.ORDER,
        risks=(risks.RETURNED_IS_PLACED_ANEW,),
    ),
    Pair(
        "place and reset, the same product",
        a_placed_order_and_a_new_one,
        (place("B"), ResetPartner()),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.STOCK,
        risks=(risks.RESERVED_TWICE,),
    ),
    Pair(
        "close the customer and reset",
        one_placed_order,
        (CLOSE_ACCOUNT, ResetPartner()),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.CUSTOMER,
        risks=(risks.CONFIRMED_IS_REFUSED,),
    ),
    Pair(
        "audit and reset, an order left behind",
        one_order_left_behind,
        (AuditPartner("R"), ResetPartner()),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.ORDER,
        risks=(risks.SECOND_LIFE_TAKEN_FOR_LEFT_OVER,),
    ),
)
