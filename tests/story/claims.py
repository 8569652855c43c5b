"""What the sentences of an order's story claim: a grammar of all that may be said.

A sentence that is not in it is an error, so nothing is said that is not compared with anything.
"""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple


class About(StrEnum):
    """What a claim is about; its value is an amount in minor units, a number, or a name."""

    HELD = "money held"
    MAYBE_HELD = "money perhaps held"
    CAPTURED = "money captured"
    GIVEN_BACK = "money given back"
    REFUND_FAILED = "a refund failed"
    STILL_THERE = "money that was settled is at the provider"
    PAYMENT = "the payment's status"
    CHARGED_ONCE = "charged once, and kept"
    ALL_MONEY_BACK = "all money went back"
    UNDONE = "all is undone"
    GOODS_OUT = "the goods are the customer's"
    GOODS_BACK = "the goods are on the shelf"
    RESERVED = "pieces reserved"
    STATUS = "the order's status"
    RETURNABLE = "it may be returned"
    UNDER_RETURN = "it is being returned"
    GOES_ON = "it goes on by itself"
    NOT_CARRIED = "nothing carries it on"
    BLOCKED = "a step is blocked"
    PERSON = "a person must act"
    AUDITED = "an audit carries it on by itself"
    LISTED = "it is in the list of trouble"
    NOTHING_TO_DO = "nothing to do"
    WORD = "an operator's word"
    SILENT = "somebody does not answer"
    DOUBT = "nobody knows whether there is something to do"


class Claim(NamedTuple):
    """One of them."""

    about: About
    value: str = ""


MONEY = r"[\d,]+\.\d\d EUR"
# A pattern, and what it claims: the value is the group of that name, or is given.
Claims = tuple[tuple[About, str], ...]
TRIED = r"tried again by itself until (it works|\S+Z; if it has not worked by then, [\w ,]+)"
LISTED = ((About.GOES_ON, ""), (About.LISTED, ""))
IT_NEEDS_YOU = ((About.PERSON, ""),)
GRAMMAR: tuple[tuple[str, Claims], ...] = (
    (r"It is at work, and ends by itself\.", ((About.GOES_ON, ""),)),
    (
        r"It was charged once, and the goods are the customer's\.",
        ((About.CHARGED_ONCE, ""), (About.GOODS_OUT, "")),
    ),
    (r"It is confirmed\.", ((About.STATUS, "=confirmed"),)),
    (r"A service said no\.", ((About.STATUS, "=rejected"),)),
    (r"It was cancelled\.", ((About.STATUS, "=cancelled"),)),
    (r"A step did not succeed in time\.", ((About.STATUS, "=timed_out"),)),
    (r"Everything that was begun is undone\.", ((About.UNDONE, ""),)),
    (r"It waits for an operator: what must happen was refused\.", IT_NEEDS_YOU),
    (
        r"The money went back, and the goods are on the shelf again\.",
        ((About.ALL_MONEY_BACK, ""), (About.GOODS_BACK, "")),
    ),
    (r"It is returned on record\.", ((About.STATUS, "=returned"),)),
    (
        r"\S+ says that this is left undone for good: the saga never .+ \(.+\)\.",
        ((About.WORD, "=skip"),),
    ),
    (r"\S+ says that this was done by other means: it .+ \(.+\)\.", ((About.WORD, "=mark_done"),)),
    (r"All the same,", ()),
    (
        r"(Placing the order|Returning it) does not go on: .+\.",
        ((About.NOT_CARRIED, ""), (About.PERSON, "")),
    ),
    (
        r"(Placing the order|Returning it) waits for an operator: "
        r"(?P<step>\w+) is blocked, as .+\.",
        ((About.BLOCKED, "step"), (About.PERSON, "")),
    ),
    (
        r"It is (?P<status>\w+) on record, and stands still: .+\.",
        ((About.STATUS, "status"), (About.NOT_CARRIED, ""), (About.PERSON, "")),
    ),
    (
        r"It is (?P<status>\w+) on record, and its saga has ended\.",
        ((About.STATUS, "status"), (About.NOT_CARRIED, "")),
    ),
    (r"It needs you: .+", IT_NEEDS_YOU),
    (
        r"It waits for you: saga resolve (?P<step>\w+) \S+ --action retry, when the cause is "
        r"fixed; see docs/runbooks/blocked\.md",
        ((About.BLOCKED, "step"), (About.PERSON, "")),
    ),
    (r"It waits for you: saga stuck says for what", IT_NEEDS_YOU),
    (
        r"Nothing to do: it is at work, and ends by itself\.",
        ((About.NOTHING_TO_DO, ""), (About.GOES_ON, "")),
    ),
    (
        r"Nothing to do: it is binding\.",
        ((About.NOTHING_TO_DO, ""), (About.STATUS, "=confirmed")),
    ),
    (r"It is being returned\.", ((About.UNDER_RETURN, ""),)),
    (
        r"Nothing to do: its return is at work, and ends by itself\.",
        ((About.NOTHING_TO_DO, ""), (About.GOES_ON, ""), (About.UNDER_RETURN, "")),
    ),
    (r"It can be returned: saga return \S+", ((About.RETURNABLE, ""),)),
    (
        r"Nothing to do: a service said no, and all is undone\.",
        ((About.NOTHING_TO_DO, ""), (About.STATUS, "=rejected"), (About.UNDONE, "")),
    ),
    (r"Nothing to do: all is undone\.", ((About.NOTHING_TO_DO, ""), (About.UNDONE, ""))),
    (r"All is undone\.", ((About.UNDONE, ""),)),
    (
        r"Find out what was down; the customer may order again\.",
        ((About.NOTHING_TO_DO, ""),),  # about this order
    ),
    (
        r"Nothing to do: money and goods went back\.",
        ((About.NOTHING_TO_DO, ""), (About.ALL_MONEY_BACK, ""), (About.GOODS_BACK, "")),
    ),
    (r"Nothing to do, if what was settled by hand is true\.", ((About.NOTHING_TO_DO, ""),)),
    (
        r"Nothing to do: it goes on when it is answered, or ends at \S+\.",
        ((About.NOTHING_TO_DO, ""), (About.GOES_ON, "")),
    ),
    (rf"It is {TRIED}\. Why: .+", ((About.GOES_ON, ""),)),
    (rf"It takes long: fix what [\w ]+, see \S+; it is {TRIED}\. Why: .+", LISTED),
    (r"It takes long: see that workers run, by \S+; saga explain \S+ says .+\. Why: .+", LISTED),
    (r"The audit that is due at \S+ undoes it, .+", ((About.AUDITED, ""),)),
    (r"Something of it does not agree: .+\.", IT_NEEDS_YOU),
    (
        rf"(?P<held>{MONEY}) is held; the payment is (?P<payment>\w+)\.",
        ((About.HELD, "held"), (About.PAYMENT, "payment")),
    ),
    (
        rf"(?P<held>{MONEY}) may be held; the payment is (?P<payment>\w+)\.",
        ((About.MAYBE_HELD, "held"), (About.PAYMENT, "payment")),
    ),
    (
        rf"(?P<held>{MONEY}) is held; no charge was asked for\.",
        ((About.HELD, "held"), (About.PAYMENT, "=none")),
    ),
    (
        rf"(?P<captured>{MONEY}) was captured, and (?P<back>{MONEY}) given back at the provider\.",
        ((About.CAPTURED, "captured"), (About.GIVEN_BACK, "back")),
    ),
    (r"The provider says that a refund of it failed\.", ((About.REFUND_FAILED, ""),)),
    (r"The provider has it still\.", ((About.STILL_THERE, ""),)),
    (r"(?P<pieces>\d+) pieces are reserved for it\.", ((About.RESERVED, "pieces"),)),
    (
        r"(?P<who>The payment service|The payment provider|The inventory service|"
        r"Temporal, or a worker,) does not answer\.",
        ((About.SILENT, "who"),),
    ),
    (
        r"[Ww]hat is held is not known: the payment service does not answer\.",
        ((About.SILENT, "=The payment service"),),
    ),
    (
        r"[Ww]hat is held is not known: the payment is (?P<payment>\w+) on record, and the payment "
        r"provider does not answer\.",
        ((About.PAYMENT, "payment"), (About.SILENT, "=The payment provider")),
    ),
    (
        r"[Ww]hat is reserved is not known: the inventory service does not answer\.",
        ((About.SILENT, "=The inventory service"),),
    ),
    (
        r"It is (?P<status>\w+) on record; whether it goes on is not known, as no worker answers\.",
        ((About.STATUS, "status"), (About.SILENT, "=Temporal, or a worker,")),
    ),
    (
        r"See that Temporal and its workers run, and look again: they know if it goes on\.",
        ((About.SILENT, "=Temporal, or a worker,"), (About.DOUBT, "")),
    ),
    (
        r"Nobody knows whether there is something to do until this answers: .+",
        ((About.DOUBT, ""),),
    ),
)
COMPILED = [(re.compile(pattern), claims) for pattern, claims in GRAMMAR]


class Unknown(AssertionError):
    """A sentence that is not in the grammar."""


def parse(text: str) -> frozenset[Claim]:
    """All that a text claims. Unknown if a part of it is not in the grammar."""
    text = " ".join(text.split())
    found = next(_read(text), None)
    if found is None:
        raise Unknown(f"nobody compares what this says: {text}")
    return frozenset(found)


def _read(text: str) -> Iterator[list[Claim]]:
    """The ways to read it to its end, sentence by sentence."""
    if not text:
        yield []
        return
    ends = [place.start() for place in re.finditer(r" |$", text)]
    for pattern, claims in COMPILED:
        for end in ends:
            if matched := pattern.fullmatch(text, 0, end):
                here = list(_fill_in(claims, matched))
                yield from (here + rest for rest in _read(text[end:].lstrip()))


def _fill_in(claims: Claims, matched: re.Match[str]) -> Iterator[Claim]:
    for about, value in claims:
        given = value[1:] if value.startswith("=") or not value else matched[value]
        yield Claim(about, _in_minor_units(given) if given.endswith(" EUR") else given)


def _in_minor_units(amount: str) -> str:
    return str(int(amount.removesuffix(" EUR").replace(",", "").replace(".", "")))


def values(claims: Iterable[Claim], about: About) -> set[str]:
    """What is claimed about this."""
    return {claim.value for claim in claims if claim.about is about}
