"""The base of every message, and the values that several services speak of."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from contracts.money.formatting import format_money

CURRENCY_PATTERN = r"^[A-Z]{3}$"
MAX_MINOR = 10**10  # 100 lines x 1,000 pieces x this still fits a 64-bit column

Sku = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["ANVIL-1"])]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
NO_NUL = r"^[^\x00]*$"  # no text of PostgreSQL can hold it
UNSTORABLE = re.compile(
    "[\x00\ud800-\udfff]"
)  # nor half of a surrogate pair, which is no character
CUT = " … (cut)"
MAX_NAME = 200  # characters
MAX_WHO = 255  # the subject of a token, as OpenID Connect has it
MAX_REASON = 1_000  # a paragraph: lists and mails show it whole
MAX_EVIDENCE = 4_000  # a page: a letter fits, and a thousand of them into a workflow's history
NO_EVIDENCE = "say how one can see that it is so"


def is_evidence(text: str) -> bool:
    """Whether it says anything: the dots of a command that was copied as it was printed do not."""
    return any(character.isalnum() for character in text)


def _refuse_placeholder(text: str) -> str:
    if text and not is_evidence(text):
        raise ValueError(NO_EVIDENCE)
    return text


# Text from outside: refused if it cannot be stored, or is too long. Whether it may be empty is said
# where it is used.
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME, pattern=NO_NUL)]
ReasonText = Annotated[str, Field(max_length=MAX_REASON, pattern=NO_NUL)]
Evidence = Annotated[
    str, Field(max_length=MAX_EVIDENCE, pattern=NO_NUL), AfterValidator(_refuse_placeholder)
]
Seconds = Annotated[int, Field(ge=1, strict=True)]
Quantity = Annotated[int, Field(ge=1, le=1000, strict=True)]
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def is_none(value: object) -> bool:
    """For fields that are left out where there is nothing."""
    return value is None


def unfit(text: str, most: int) -> str | None:
    """Why this text is refused wherever one of so many characters comes in; None if it is not."""
    if found := UNSTORABLE.search(text):
        return f"must not hold {_escape(found)}, which no database can store"
    return f"may have {most} characters, and has {len(text)}" if len(text) > most else None


def storable(text: str, most: int) -> str:
    """The text as it can be kept, for where it cannot be refused any more.

    What no database can store is written out as Python does, and what is too long is cut, and says
    so.
    """
    kept = UNSTORABLE.sub(_escape, text[: most + 1])
    return kept if len(kept) <= most else kept[: most - len(CUT)] + CUT


def _escape(found: re.Match[str]) -> str:
    """The character as Python writes it."""
    return found.group().encode("unicode_escape").decode()


def _demand_written_out(value: object) -> object:
    """Pydantic would take "5" for five seconds of Unix time."""
    if isinstance(value, str) and "-" not in value[1:]:
        raise ValueError("write the moment out, such as 2026-01-31T12:00:00Z")
    return value


def _in_calendar(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"must be from {EARLIEST:%Y} to {LATEST.year - 1}")
    return moment


# A moment that every time zone and database can express.
Moment = Annotated[
    AwareDatetime, BeforeValidator(_demand_written_out), AfterValidator(_in_calendar)
]


def format_time(moment: datetime) -> str:
    """As the API tells it: in UTC, to the microsecond, such as 2026-01-31T12:00:00.250000Z."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


# A moment in an answer; all are told in one form, which also sorts as text.
ToldTime = Annotated[
    datetime,
    PlainSerializer(format_time, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Message(BaseModel):
    """An immutable message. Unknown fields are ignored, so that old code reads new messages."""

    model_config = ConfigDict(frozen=True)


class Money(Message):
    """An amount in minor units (cents) of an ISO 4217 currency; never a float."""

    minor: int = Field(ge=0, strict=True, description="Minor units, such as cents")
    currency: str = Field(pattern=CURRENCY_PATTERN, examples=["EUR"])

    def __mul__(self, factor: int) -> "Money":
        return Money(minor=self.minor * factor, currency=self.currency)

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(minor=self.minor + other.minor, currency=self.currency)

    def format(self) -> str:
        """For people, such as 1,050.00 EUR."""
        return format_money(self.minor, self.currency)


class Reason(Message):
    """Why an order did not end as asked: a code for programs, a sentence for people."""

    code: str
    detail: str
