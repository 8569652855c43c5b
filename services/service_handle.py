"""A service that is open for business, wherever it is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")


@dataclass(frozen=True)
class ServiceHandle(Generic[S]):
    """A service, and whether what it needs answers: `ready` raises Unavailable if not."""

    service: S
    ready: Callable[[], Awaitable[None]]
