"""Words: in which order sides make their calls. All there are, a sample, and shorter ones."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise, permutations
from math import factorial, prod


def count_words(calls: Mapping[str, int]) -> int:
    """How many orders there are of so many calls of each side."""
    return factorial(sum(calls.values())) // prod(map(factorial, calls.values()))


def choose_words(calls: Mapping[str, int], most: int, seed: int) -> list[str]:
    """All orders of so many calls of each side; if there are more than `most`, so many by seed."""
    if count_words(calls) <= most:
        return list(_list_words(Counter(calls)))
    chance = random.Random(seed)  # noqa: S311 - it is to be the same again
    letters = [side for side, number in calls.items() for _ in range(number)]
    found: dict[str, None] = {}
    while len(found) < most:
        chance.shuffle(letters)
        found["".join(letters)] = None
    return list(found)


def _list_words(left: Counter[str]) -> Iterator[str]:
    """Of the letters that are left, each as often as it is."""
    if not left.total():
        yield ""
    for side in +left:
        yield from (side + rest for rest in _list_words(left - Counter(side)))


def merge_runs(word: str) -> Iterator[str]:
    """The same letters with fewer changes of side: its begin or its end in one run a side.

    Longer parts come first, so that a long word is soon a short one.
    """
    for size in range(len(word), 1, -max(1, len(word) // 8)):
        for start in (0, len(word) - size):
            part = Counter(word[start : start + size])
            for order in permutations(sorted(part)):
                runs = "".join(side * part[side] for side in order)
                merged = word[:start] + runs + word[start + size :]
                if count_changes(merged) < count_changes(word):
                    yield merged


def count_changes(word: str) -> int:
    """How often the turn passes from one side to another."""
    return sum(one != other for one, other in pairwise(word))
