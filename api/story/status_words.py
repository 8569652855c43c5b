"""What the status of an order means, in words for people, if nothing is wrong with its sagas.

Those of docs/states.md, too.
"""

from collections.abc import Mapping
from typing import NamedTuple

from contracts.orders import OrderStatus

UNDONE = "Everything that was begun is undone."


class StatusWords(NamedTuple):
    """`means`: how the order stands. `advice`: what there is to do, with the order's `{id}`, or the
    blocked `{step}` and its `{saga}`. `bare`: what is true whatever became of money and stock.
    """

    means: str
    advice: str
    bare: str = ""


STATUS_WORDS: Mapping[OrderStatus, StatusWords] = {
    OrderStatus.PENDING: StatusWords(
        "It is at work, and ends by itself.",
        "Nothing to do: it is at work, and ends by itself.",
    ),
    OrderStatus.CONFIRMED: StatusWords(
        "It was charged once, and the goods are the customer's.",
        "Nothing to do: it is binding. It can be returned: saga return {id}",
        "It is confirmed.",
    ),
    OrderStatus.REJECTED: StatusWords(
        f"A service said no. {UNDONE}",
        "Nothing to do: a service said no, and all is undone.",
        "A service said no.",
    ),
    OrderStatus.CANCELLED: StatusWords(
        f"It was cancelled. {UNDONE}",
        "Nothing to do: all is undone.",
        "It was cancelled.",
    ),
    OrderStatus.TIMED_OUT: StatusWords(
        f"A step did not succeed in time. {UNDONE}",
        "All is undone. Find out what was down; the customer may order again.",
        "A step did not succeed in time.",
    ),
    OrderStatus.BLOCKED: StatusWords(
        "It waits for an operator: what must happen was refused.",
        "It waits for you: saga resolve {step} {saga} --action retry, when the cause is "
        "fixed; see docs/runbooks/blocked.md",
    ),
    OrderStatus.RETURNED: StatusWords(
        "The money went back, and the goods are on the shelf again.",
        "Nothing to do: money and goods went back.",
        "It is returned on record.",
    ),
}
