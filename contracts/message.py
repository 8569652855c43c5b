"""The base of every message, and the values that several services speak of."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

CURRENCY_PATTERN = r"^[A-Z]{3}$"
MAX_MINOR = 10**10  # 100 lines x 1,000 pieces x this still fits a 64-bit column

Sku = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["ANVIL-1"])]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
NO_NUL = r"^[^\x00]*$"  # no text of PostgreSQL can hold it
Quantity = Annotated[int, Field(ge=1, le=1000, strict=True)]
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def _written_out(value: object) -> object:
    """Pydantic would take "5" for five seconds of Unix time."""
    if isinstance(value, str) and "-" not in value[1:]:
        raise ValueError("write the moment out, such as 2026-01-31T12:00:00Z")
    return value


def _in_calendar(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"must be from {EARLIEST:%Y} to {LATEST.year - 1}")
    return moment


# A moment that every time zone and database can express.
Moment = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_calendar)]


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


class StepKey(Message):
    """What makes a step's effect unique: the saga and the step, the same on every attempt."""

    saga_id: str
    step: str


class Reason(Message):
    """Why an order did not end as asked: a code for programs, a sentence for people."""

    code: str
    detail: str
