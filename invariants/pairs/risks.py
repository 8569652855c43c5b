"""What pairs of sagas can come to, what prevents it, and the schedule that shows what it prevents.

Each is proven (`tests/verifier/test_pair_risks.py`): at its schedule nothing comes of it, and
without the mechanism it comes to what it is said to, by that name.
"""

from saga.verify.concurrent.anomalies import Anomaly
from saga.verify.concurrent.pair import Proof, Risk
from workflows import isolation

ONE_UPDATE = "the one update that looks at the stock and moves it"
ORDER_OF_ROWS = "the order in which the rows of products are locked"
WAIT_OF_RESTOCK = "the wait until the pieces are sold"
ACCEPTED_PRICE = "the price is in the order, and the catalogue is not asked again"
ACCEPTED_CUSTOMER = "the customer is in the order, and the account is looked at once"
LOCK_OF_PLACING = "the mark of an order that is pending"
LOCK_OF_RETURN = "the mark of an order that is being returned"
RELEASE = "the end of that mark"
REREAD = "the look at the order as it is written"
OPEN_SAGAS = "the look whether the order's saga is open"
PIVOT_LANDED = "the knowledge that the order is confirmed"
STORED_REPLIES = "the stored reply of the reservation"

TURNS = "AB" * 20
PIECES_TWICE = Risk(
    anomaly=Anomaly.WRITE_SKEW,
    what="both orders get the same pieces",
    without=ONE_UPDATE,
    prevented_by=(isolation.RESERVES_WHAT_IS_THERE, isolation.PLACING_MOVES),
    proof=Proof(TURNS, within_calls=True),
)
SALE_LOST = Risk(
    anomaly=Anomaly.LOST_UPDATE,
    what="the shelf is as if one of them had taken nothing",
    without=ONE_UPDATE,
    prevented_by=(isolation.PLACING_MOVES,),
    proof=Proof(TURNS, within_calls=True),
)
ROWS_CROSSWISE = Risk(
    anomaly=Anomaly.DEADLOCK,
    what="each has the row that the other one waits for",
    without=ORDER_OF_ROWS,
    proof=Proof(TURNS, within_calls=True),
)
RETURN_OR_SALE_LOST = Risk(
    anomaly=Anomaly.LOST_UPDATE,
    what="what comes back is lost to the shelf, or what is sold",
    without=ONE_UPDATE,
    prevented_by=(isolation.PLACING_MOVES, isolation.RETURNING_MOVES),
    proof=Proof("A" * 17 + "B" * 8 + TURNS, within_calls=True),
)
RETURNED_BEFORE_CONFIRMED = Risk(
    anomaly=Anomaly.WRITE_SKEW,
    what="an order is given its money back that is confirmed after",
    without=LOCK_OF_PLACING,
    prevented_by=(isolation.ORDER_IS_PENDING, isolation.RETURN_IS_REFUSED),
    proof=Proof("BBBBAABBAA"),
)
RESTOCKED_BEFORE_SOLD = Risk(
    anomaly=Anomaly.WRITE_SKEW,
    what="an order is returned, and its pieces are sold after",
    without=WAIT_OF_RESTOCK,
    prevented_by=(isolation.PIECES_ARE_RESERVED, isolation.RESTOCK_WAITS),
    proof=Proof("BBBBBAAABA"),
)
RETURNED_TWICE = Risk(
    anomaly=Anomaly.LOST_UPDATE,
    what="both begin, and one never ends",
    without=LOCK_OF_RETURN,
    prevented_by=(isolation.ORDER_IS_BEING_RETURNED, isolation.RETURN_IS_REFUSED),
    proof=Proof("ABABAAAA"),
)
MARKED_FOR_GOOD = Risk(
    anomaly=Anomaly.ORPHANED_LOCK,
    what="an order is marked as being returned for good, by a return that is undone",
    without=RELEASE,
    prevented_by=(isolation.ORDER_IS_BEING_RETURNED,),
    proof=Proof("ABABAA", fault="A refund_payment:payment.give_back is rejected"),
)
BEGUN_AT_ONCE = Risk(
    anomaly=Anomaly.LOST_UPDATE,
    what="both find the order unmarked, and one never ends",
    without=REREAD,
    prevented_by=(isolation.RETURN_READS_AGAIN,),
    proof=Proof("B" + "A" * 6 + TURNS, within_calls=True),
)
NEW_PIECES_LOST = Risk(
    anomaly=Anomaly.LOST_UPDATE,
    what="the new pieces are lost",
    without=ONE_UPDATE,
    prevented_by=(isolation.PLACING_MOVES,),
    proof=Proof("A" * 8 + "BBB" + "A" * 12, within_calls=True),
)
ANOTHER_PRICE = Risk(
    anomaly=Anomaly.WRITE_SKEW,
    what="the card is charged another price than was accepted",
    without=ACCEPTED_PRICE,
    prevented_by=(isolation.PRICE_BY_VALUE,),
    proof=Proof("ABAAAAAA"),
)
CHARGED_FOR_NOTHING = Risk(
    anomaly=Anomaly.WRITE_SKEW,
    what="an order is charged, and given back for the account",
    without=ACCEPTED_CUSTOMER,
    prevented_by=(isolation.CUSTOMER_BY_VALUE,),
    proof=Proof("AAAABAA"),
)
ORDER_TAKEN_FOR_LEFT_OVER = Risk(
    anomaly=Anomaly.FUZZY_READ,
    what="what an order under way has done is taken for left over, and undone",
    without=OPEN_SAGAS,
    proof=Proof("AAABBBBBBBBBAAA"),
)
RETURN_TAKEN_FOR_LEFT_OVER = Risk(
    anomaly=Anomaly.FUZZY_READ,
    what="what a return under way has done is taken for left over",
    without=OPEN_SAGAS,
    proof=Proof("ABBBBBBBBAA"),
)
RETURNED_IS_PLACED_ANEW = Risk(
    anomaly=Anomaly.ORPHANED_LOCK,
    what="the second life sets pieces aside for an order that is returned",
    without=STORED_REPLIES,
    proof=Proof("AABAABBBBBB"),
)
RESERVED_TWICE = Risk(
    anomaly=Anomaly.ORPHANED_LOCK,
    what="the second life sets its pieces aside again, which the other one could have",
    without=STORED_REPLIES,
    proof=Proof("AABAABBBBBBABA"),
)
CONFIRMED_IS_REFUSED = Risk(
    anomaly=Anomaly.FUZZY_READ,
    what="a confirmed order is refused in its second life, since the account is closed by then",
    without=PIVOT_LANDED,
    proof=Proof("BBABBBBBB"),
)
SECOND_LIFE_TAKEN_FOR_LEFT_OVER = Risk(
    anomaly=Anomaly.FUZZY_READ,
    what="what an operator has begun anew is taken for left over, and undone",
    without=OPEN_SAGAS,
    proof=Proof("BBBBAAAABBBB"),
)
