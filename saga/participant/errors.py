"""What a service may answer instead of a result, named for the caller's decision.

    ServiceError
    ├── Rejected          the business says no; trying again changes nothing
    │   ├── NotFound      … because there is no such thing
    │   ├── Compensated   … because this step was undone before: its late action must not land
    │   └── KeyReused     … because this step was asked for with another command before
    ├── Pending           somebody else has to act first; ask again when they have
    ├── Conflict          somebody else was faster; read again, then decide
    └── Unavailable       no answer, or no clear one; try again later
        ├── CircuitOpen   … and this time nobody was asked: calls to it are held back for now
        └── Locked        … when the saga that has it now is through with it

An adapter at a border (database, HTTP, Temporal) translates to and from these, once.
"""

from collections.abc import Mapping


class ServiceError(Exception):
    """Base of all of them; `code` is for programs, the message for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Rejected(ServiceError):
    """A permanent business answer. Do not retry; compensate or tell the caller."""


class NotFound(Rejected):
    """The thing asked for does not exist."""


class Compensated(Rejected):
    """The step's compensation came first. The action has no effect and never will."""

    def __init__(self, detail: str) -> None:
        super().__init__("already_compensated", detail)


class KeyReused(Rejected):
    """A key means one command, and this one is another's. Nothing was changed.

    Whoever gets it has two commands for one step of one saga: find out which of them is meant.
    """

    def __init__(self, detail: str) -> None:
        super().__init__("key_reused", detail)


class Pending(ServiceError):
    """Somebody else has to act first, as `about` tells; the same call then has another answer."""

    def __init__(self, code: str, detail: str, about: Mapping[str, str]) -> None:
        super().__init__(code, detail)
        self.about = dict(about)


class Conflict(ServiceError):
    """A stream or row moved on since it was read. Read again and retry.

    `actual` is the version found.
    """

    def __init__(self, detail: str, *, expected: int, actual: int) -> None:
        super().__init__("version_conflict", detail)
        self.expected = expected
        self.actual = actual


class Unavailable(ServiceError):
    """The outcome is unknown or there was none. Retrying is safe behind a barrier.

    `retry_after` is in seconds; whoever sets it is well, and knows when it is worth asking again.
    """

    def __init__(
        self, detail: str, *, retry_after: float | None = None, code: str = "unavailable"
    ) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after


class CircuitOpen(Unavailable):
    """A circuit breaker let nobody through. `retry_after` is the time until it will try again."""

    def __init__(self, detail: str, *, retry_after: float) -> None:
        super().__init__(detail, retry_after=retry_after, code="circuit_open")


class Locked(Unavailable):
    """What is asked for is another saga's for now: its semantic lock is waited for.

    `holder` is that saga's id. Whoever waits is retried after `retry_after` seconds.
    """

    def __init__(self, detail: str, *, holder: str, retry_after: float) -> None:
        super().__init__(detail, retry_after=retry_after, code="locked")
        self.holder = holder


def describe_error(error: BaseException) -> str:
    """What it is, and what it says. Many say nothing, a time-out among them."""
    usual = "no answer in time" if isinstance(error, TimeoutError) else "it says no more"
    return f"{type(error).__name__}: {str(error).strip() or usual}"
