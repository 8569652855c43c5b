"""All pairs of `saga verify --concurrent`: who meets, what can happen, and what prevents it.

`docs/reference/isolation.md` is written from this. Whatever else checks two sagas at once finds
here what may be (`Pair.allows`), by what they meet on (`Pair.shares`) and who they are
(`Pair.kinds`).
"""

from functools import partial

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
from saga.verify.concurrent.pair import Allowance, Pair, Risk
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
AUDITS = "an audit leaves alone what a saga that is open has done"

PAIRS = (
    Pair(
        "place and place, the last pieces",
        partial(several_orders, 2, stock=QUANTITY),
        PLACING,
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.STOCK,
        risk=Risk(Anomaly.WRITE_SKEW, "both orders get the same pieces"),
        prevented_by=(isolation.RESERVES_WHAT_IS_THERE, isolation.PLACING_MOVES),
        proof="AABBABABABAB",
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
        risk=Risk(Anomaly.LOST_UPDATE, "the shelf is as if one of them had taken nothing"),
        prevented_by=(isolation.PLACING_MOVES,),
        proof="ABABABABABAB",
    ),
    Pair(
        "place and place, the same two products",
        two_orders_of_two_products,
        PLACING,
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.STOCK,
        risk=Risk(Anomaly.DEADLOCK, "each has the row that the other one waits for"),
        prevented_by=(isolation.PLACING_MOVES,),
        prevents="the rows of an order's products are locked in order of SKU",
        proof="ABABABABABAB",
    ),
    Pair(
        "place and return, the same product",
        a_confirmed_order_and_a_new_one,
        (return_it(), place("B")),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.STOCK,
        risk=Risk(Anomaly.LOST_UPDATE, "what comes back is lost to the shelf, or what is sold"),
        prevented_by=(isolation.PLACING_MOVES, isolation.RETURNING_MOVES),
        proof="ABABABABBB",
    ),
    Pair(
        "place and return, the same order",
        one_new_order,
        (return_it(), place("R")),
        observe,
        INVARIANTS,
        list_locks,
        shares=f"{isolation.ORDER}, and {isolation.PIECES}",
        risk=Risk(Anomaly.WRITE_SKEW, "an order is returned that is not confirmed yet"),
        prevented_by=(
            isolation.ORDER_IS_PENDING,
            isolation.RETURN_IS_REFUSED,
            isolation.CONFIRM_READS_AGAIN,
            isolation.PIECES_ARE_RESERVED,
            isolation.RESTOCK_WAITS,
        ),
        proof="BBBBBAAABA",
    ),
    Pair(
        "return and return, the same order",
        one_confirmed_order,
        (return_it(), return_it(attempt=2)),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.ORDER,
        risk=Risk(Anomaly.FUZZY_READ, "both begin, and one is refused its money at the pivot"),
        prevented_by=(
            isolation.ORDER_IS_BEING_RETURNED,
            isolation.RETURN_IS_REFUSED,
            isolation.RETURN_READS_AGAIN,
        ),
        proof="ABABABAB",
        allows={Anomaly.DIRTY_READ: ASKED_AGAIN},
    ),
    Pair(
        "place and add stock, one piece too few",
        partial(one_order, stock=QUANTITY - 1),
        (place("A"), ADD_STOCK),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.STOCK,
        risk=Risk(Anomaly.LOST_UPDATE, "the new pieces are lost, or those that were sold"),
        prevented_by=(isolation.RESERVES_WHAT_IS_THERE, isolation.PLACING_MOVES),
        proof="AABAAAA",
    ),
    Pair(
        "place and change the price",
        one_order,
        (price_and_place("A"), DOUBLE_PRICE),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.PRICE,
        risk=Risk(Anomaly.WRITE_SKEW, "the card is charged another price than was accepted"),
        prevented_by=(isolation.PRICE_BY_VALUE,),
        proof="ABAAAAAA",
    ),
    Pair(
        "place and close the customer",
        one_order,
        (place("A"), CLOSE_ACCOUNT),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.CUSTOMER,
        risk=Risk(Anomaly.WRITE_SKEW, "an order is charged, and given back for the account"),
        prevented_by=(isolation.CUSTOMER_BY_VALUE,),
        proof="AAAABAA",
    ),
    Pair(
        "place and erase the customer",
        one_order,
        (place("A"), ERASE_ACCOUNT),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.CUSTOMER,
        risk=Risk(Anomaly.WRITE_SKEW, "an order is charged, and given back for the account"),
        prevented_by=(isolation.CUSTOMER_BY_VALUE,),
        proof="AAAABAA",
    ),
    Pair(
        "place and audit, the same order",
        one_order,
        (place("A"), AuditPartner("A")),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.ORDER,
        risk=Risk(Anomaly.WRITE_SKEW, "what an order under way has done is taken for left over"),
        prevents=AUDITS,
        proof="AAABAAA",
    ),
    Pair(
        "return and audit, the same order",
        one_confirmed_order,
        (return_it(), AuditPartner("R")),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.ORDER,
        risk=Risk(Anomaly.WRITE_SKEW, "what a return under way has done is taken for left over"),
        prevents=AUDITS,
        proof="AABAA",
    ),
    Pair(
        "return and reset, the same order",
        one_placed_order,
        (return_it(), ResetPartner()),
        observe,
        INVARIANTS,
        list_locks,
        shares=isolation.ORDER,
        risk=Risk(Anomaly.WRITE_SKEW, "an order that is returned is placed anew"),
        prevents="a second life gets the first one's replies, by the barrier's keys",
        proof="AABAABBBBBB",
    ),
)
