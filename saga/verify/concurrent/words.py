"""Words: in which order two sides make their calls. All there are, a sample, and shorter ones."""

import random
from collections.abc import Iterator
from itertools import combinations, pairwise
from math import comb

from saga.verify.concurrent.turns import SIDES

FIRST, SECOND = SIDES


def count_words(first: int, second: int) -> int:
    """How many orders there are of so many calls of each side."""
    return comb(first + second, first)


def choose_words(first: int, second: int, most: int, seed: int) -> list[str]:
    """All orders of so many calls of each side; if there are more than `most`, so many by seed."""
    if count_words(first, second) <= most:
        places = combinations(range(first + second), first)
        return [_word(set(chosen), first + second) for chosen in places]
    chance = random.Random(seed)  # noqa: S311 - it is to be the same again
    found: dict[str, None] = {}
    while len(found) < most:
        found[_word(set(chance.sample(range(first + second), first)), first + second)] = None
    return list(found)


def merge_runs(word: str) -> Iterator[str]:
    """The same letters with fewer changes of side: its begin or its end in one run a side.

    Longer parts come first, so that a long word is soon a short one.
    """
    for size in range(len(word), 1, -max(1, len(word) // 8)):
        for start in (0, len(word) - size):
            part = sorted(word[start : start + size])
            for runs in (part, part[::-1]):
                merged = word[:start] + "".join(runs) + word[start + size :]
                if count_changes(merged) < count_changes(word):
                    yield merged


def count_changes(word: str) -> int:
    """How often the turn passes from one side to the other."""
    return sum(one != other for one, other in pairwise(word))


def _word(places: set[int], length: int) -> str:
    return "".join(FIRST if place in places else SECOND for place in range(length))
