"""Three at once: two of a pair, and one more that each of them also meets.

A word of three has more letters, so that there are far more; some are chosen by seed.
"""

from functools import partial

from invariants.pairs.meeting import INVARIANTS, list_locks, observe, place, several_orders
from invariants.pairs.others import ADD_STOCK, CLOSE_ACCOUNT, AuditPartner
from invariants.pairs.returns import (
    a_confirmed_order_and_a_new_one,
    one_confirmed_order,
    one_new_order,
    return_it,
)
from invariants.stock_and_money import QUANTITY
from saga.verify.concurrent.pair import Pair

TRIOS = (
    Pair(
        "three place, and there are pieces for two",
        partial(several_orders, 3, stock=2 * QUANTITY),
        (place("A"), place("B"), place("C")),
        observe,
        INVARIANTS,
        list_locks,
    ),
    Pair(
        "place, return and audit, the same order",
        one_new_order,
        (return_it(), place("R"), AuditPartner("R")),
        observe,
        INVARIANTS,
        list_locks,
    ),
    Pair(
        "return twice and audit, the same order",
        one_confirmed_order,
        (return_it(), return_it(attempt=2), AuditPartner("R")),
        observe,
        INVARIANTS,
        list_locks,
    ),
    Pair(
        "place and return what is short, and add stock",
        a_confirmed_order_and_a_new_one,
        (return_it(), place("B"), ADD_STOCK),
        observe,
        INVARIANTS,
        list_locks,
    ),
    Pair(
        "place two of one customer, and close the account",
        partial(several_orders, 2, same_customer=True),
        (place("A"), place("B"), CLOSE_ACCOUNT),
        observe,
        INVARIANTS,
        list_locks,
    ),
)
