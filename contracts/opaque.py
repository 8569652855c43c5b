"""Tokens that callers are given to hand back as they are: cursors, and the ids of events.

Anything may come back instead, so there is one way to read them, with one error. What a token holds
is as a rule of a form that a database knows, but within bounds that not every string has.
"""

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from pydantic import TypeAdapter

from contracts.base import MAX_NAME, Moment, unfit
from saga.participant import Rejected

A = TypeVar("A")
B = TypeVar("B")
LARGEST = 2**63 - 1  # that a 64-bit column holds
MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


def invalid_token() -> Rejected:
    """The error for what was never handed out."""
    return Rejected("invalid_cursor", "use the cursor, or the id of an event, as it was given")


def seal(first: str, second: str) -> str:
    """A token of two parts."""
    return base64.urlsafe_b64encode(json.dumps([first, second]).encode()).decode()


def unseal(token: str, first: Callable[[str], A], second: Callable[[str], B]) -> tuple[A, B]:
    """The two parts, each as its reader has it. Rejected `invalid_cursor` for anything else."""
    try:
        one, two = json.loads(base64.b64decode(token, b"-_", validate=True))
        if not isinstance(one, str) or not isinstance(two, str):
            raise invalid_token()
        return first(one), second(two)
    except (ValueError, TypeError, RecursionError) as error:
        raise invalid_token() from error


def moment(text: str) -> datetime:
    """A moment that every database can express. ValueError if it is none."""
    return MOMENT.validate_python(text)


def name(text: str) -> str:
    """A name that every database can hold. ValueError if it is none."""
    if not text or unfit(text, MAX_NAME):
        raise ValueError("no name")
    return text


def number(text: str) -> int:
    """A number that a 64-bit column can hold, in digits. ValueError if it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST))):
        raise ValueError("no number")
    if (value := int(text)) > LARGEST:
        raise ValueError("too large a number")
    return value
