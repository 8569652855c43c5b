"""Who read and wrote what: the sagas, the versions of each item in their order, and the reads.

An item is what can be read and written by itself: a product's price, a product's stock, an order.
Its version 0 was there at the beginning; version n was made by its n-th write.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Party:
    """A saga, or a caller who is none. `kind` is what it does, in the words of a pair's side.

    `begun` and `ended`: when it was asked for, and when it was answered; seconds.
    """

    id: str
    kind: str
    begun: float = 0.0
    ended: float = float("inf")


@dataclass(frozen=True)
class Write:
    """A call of a party made the next version. `adds`: by a difference, which commutes.

    `marks`: the version says that the party is still at work (a semantic lock).
    """

    party: str
    call: str
    adds: bool = False
    marks: bool = False


@dataclass(frozen=True)
class Read:
    """A call of a party saw this version of an item."""

    party: str
    call: str
    item: str
    version: int


@dataclass
class History:
    """All of it."""

    parties: dict[str, Party] = field(default_factory=dict)
    versions: dict[str, list[Write]] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)

    def join(self, party: Party) -> None:
        """Somebody takes part; the first word on who it is stands."""
        self.parties.setdefault(party.id, party)

    def write(self, item: str, write: Write) -> int:
        """The next version of an item; its number."""
        versions = self.versions.setdefault(item, [])
        versions.append(write)
        return len(versions)

    def list_writers(self, read: Read) -> Iterator[Write]:
        """Whose writes were seen: the last plain one, and the differences since."""
        for write in reversed(self.versions.get(read.item, [])[: read.version]):
            yield write
            if not write.adds:
                return

    def list_overwriters(self, read: Read) -> Iterator[Write]:
        """Whose writes followed: the next plain one, or the differences before it."""
        differences = False
        for write in self.versions.get(read.item, [])[read.version :]:
            if write.adds or not differences:
                yield write
            if not write.adds:
                return
            differences = True
