"""What a drill is: one declaration each, see `cli.drill.drills`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cli.drill.incident import Incident
from cli.drill.practice_stack import NEVER_LATE, PracticeStack


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and whether it is as it should be."""

    well: bool
    text: str


async def find_nothing(_: PracticeStack, __: Incident) -> list[Finding]:
    """For a drill of which all is told by its order."""
    return []


@dataclass(frozen=True)
class Drill:
    """An incident to practise on, and how one knows that it is over.

    `happens` may tell what is wrong; `seen` is only what an operator would notice first, with
    `{order_id}` for the order. `make` makes it. `ends` are the statuses that its order may come to;
    none if no order is meant. `by_hand`: its money stays where it is, and a person has said why.
    `put_back` ends it for whoever gives up. `late` is the age in seconds from which
    `saga stuck` is to show it, where its age is all that is wrong.
    """

    name: str
    page: str
    happens: str
    seen: str
    make: Callable[[PracticeStack], Awaitable[Incident]]
    put_back: Callable[[PracticeStack, Incident], Awaitable[None]]
    ends: frozenset[str] = frozenset()
    by_hand: bool = False
    late: int = NEVER_LATE
    look: Callable[[PracticeStack, Incident], Awaitable[list[Finding]]] = find_nothing
