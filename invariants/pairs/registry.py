"""All pairs of `saga verify --concurrent`."""

from functools import partial

from invariants.pairs.meeting import INVARIANTS, observe, place, two_orders
from invariants.pairs.returns import (
    a_confirmed_order_and_a_new_one,
    one_confirmed_order,
    return_it,
)
from invariants.stock_and_money import QUANTITY
from saga.verify.concurrent.pair import Pair

PLACING = (place("A"), place("B"))

PAIRS = (
    Pair(
        "place and place, the last pieces",
        partial(two_orders, stock=QUANTITY),
        PLACING,
        observe,
        INVARIANTS,
        prevents="the stock is taken by one conditional update, and the constraint of its table",
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
    ),
)
