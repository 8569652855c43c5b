"""The interface of a registry."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Instance:
    """One process that serves a service, and where. Its name is unique within the service."""

    service: str
    name: str
    host: str
    port: int


@dataclass(frozen=True)
class Registered:
    """An instance on the list, since when, and until when if it says nothing more."""

    instance: Instance
    since: datetime
    until: datetime


class Registry(Protocol):
    """A list of instances. Every method raises Unavailable if the list cannot be reached."""

    async def renew(self, instance: Instance) -> None:
        """Put it on the list, or leave it there for one more lease."""

    async def drop(self, instance: Instance) -> None:
        """Take it off the list, if it is there at this very place."""

    async def instances(self) -> list[Registered]:
        """All whose lease has not ended, by service and name."""
