"""Whoever is refused goes without effect, so that no circle shows it; its answer must be true.

It was refused for fewer than it needed of something, at some moment of its call. If there was no
such moment, the answer is that of no order. If there was only what another one held that has given
it back since, it was answered by what is undone.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from saga.verify.concurrent.anomalies import Anomaly
from tests.isolation.findings import Finding
from tests.isolation.history import Party


@dataclass(frozen=True)
class Level:
    """How many there were from a moment on, and who held how many that were given back later.

    `gone`: by when nobody saw it any more, if that is known.
    """

    at: float
    value: int
    undone: Mapping[Party, int] = field(default_factory=dict)
    gone: float = float("inf")


@dataclass(frozen=True)
class Answer:
    """A party needed so many of an item, and was refused for so many, between two moments."""

    party: Party
    call: str
    item: str
    needed: int
    found: int
    between: tuple[float, float]

    def __str__(self) -> str:
        wanted = f"{self.needed} wanted, {self.found} there"
        return f"{self.item}: {self.call} of {self.party.id} was refused: {wanted}"


def judge_answer(answer: Answer, levels: Sequence[Level]) -> Finding | None:
    """None if it was true, and of nothing that was undone later; `levels` in their order."""
    seen = [
        level
        for level in _list_visible(levels, *answer.between)
        if level.value == answer.found < answer.needed
    ]
    if not seen:
        story = (str(answer), "there were never so many meanwhile")
        party = answer.party
        return Finding(Anomaly.FUZZY_READ, (party.id,), (party.kind,), (answer.item,), story)
    if any(level.value + sum(level.undone.values()) < answer.needed for level in seen):
        return None
    held = [(party, number) for party, number in seen[-1].undone.items() if number]
    said = (f"{party.id} held {number}, and has given them back since" for party, number in held)
    parties = [answer.party, *(party for party, _ in held)]
    return Finding(
        Anomaly.DIRTY_READ,
        tuple(party.id for party in parties),
        tuple(party.kind for party in parties),
        (answer.item,),
        (str(answer), *said),
    )


def _list_visible(levels: Sequence[Level], begin: float, end: float) -> list[Level]:
    """Those that a call between these moments may have seen.

    A level is noted before it is committed. Until then its predecessor is what is seen; and it is
    committed by the time at which its successor is noted, which waits for the row.
    """
    first = max(0, bisect_left(levels, begin, key=lambda level: level.at) - 2)
    return [
        level
        for level in takewhile(lambda level: level.at <= end, levels[first:])
        if level.gone >= begin
    ]
