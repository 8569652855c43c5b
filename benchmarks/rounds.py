"""The order of measurements: rounds, in each of which every subject has its turn.

The machine's speed drifts, by up to a quarter within minutes. Interleaved, all subjects meet the
same drift; and since each round begins with another one, none always follows the same neighbour.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def interleave(subjects: Sequence[T], rounds: int) -> Iterator[tuple[int, T]]:
    """(round, subject): each subject once a round, the first one moving on by one each round."""
    for number in range(rounds):
        first = number % len(subjects) if subjects else 0
        for subject in (*subjects[first:], *subjects[:first]):
            yield number, subject
