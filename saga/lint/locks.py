"""Whether sagas could wait for each other for ever: by the locks that each says it takes and heeds.

A saga that waits for a lock while it has another one waits "behind" that. If, over all sagas, that
leads in a circle, each may have what the next one waits for, and nobody ever goes on. So all take
their locks in one order; which one, is theirs to choose.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from saga.definition import SagaDefinition
from saga.isolation import HeedsLock, SemanticLock
from saga.lint.sagas import Finding

Wait = tuple[str, str, str]  # the saga, the lock that it has, and the one that it waits for


def lint_locks(file: str, definitions: Collection[SagaDefinition]) -> list[Finding]:
    """What is wrong with the locks of sagas that may meet. `file`: where people look for them."""
    taken = {each.on for saga in definitions for each in saga.isolation if _is_lock(each)}
    found = [
        Finding(
            file,
            1,
            f"saga {saga.name} heeds at {each.at} a lock on {each.on}, which no saga takes",
            "Name it as the saga does that takes it",
        )
        for saga in definitions
        for each in saga.isolation
        if isinstance(each, HeedsLock) and each.on not in taken
    ]
    waits = [wait for saga in definitions for wait in _list_waits(saga)]
    if circle := _find_circle(waits):
        said = "; ".join(
            f"{saga} has {held} and waits for {wanted}" for saga, held, wanted in circle
        )
        what = f"sagas may wait for each other for ever: {said}"
        found.append(Finding(file, 1, what, "Have all take their locks in one order"))
    return found


def _is_lock(countermeasure: object) -> bool:
    return isinstance(countermeasure, SemanticLock)


def _list_waits(saga: SagaDefinition) -> Iterator[Wait]:
    """For what it waits while it has a lock. Of steps side by side, either may be first."""
    place = {step.name: number for number, stage in enumerate(saga.stages) for step in stage}
    for lock in (each for each in saga.isolation if isinstance(each, SemanticLock)):
        for met in (each for each in saga.isolation if isinstance(each, HeedsLock)):
            held = place[lock.taken_by] <= place[met.at] <= place[lock.released_by]
            if held and met.at != lock.taken_by and met.waits:
                yield saga.name, lock.on, met.on


def _find_circle(waits: Sequence[Wait]) -> list[Wait]:
    """Waits of which each one's lock is the next one's to have, and the last one's the first's."""
    behind: Mapping[str, list[Wait]] = {held: [] for _, held, _ in waits}
    for wait in waits:
        behind[wait[1]].append(wait)

    def follow(path: list[Wait]) -> list[Wait]:
        for wait in behind.get(path[-1][2], []):
            if wait[2] == path[0][1]:
                return [*path, wait]
            if wait not in path and (found := follow([*path, wait])):
                return found
        return []

    for wait in waits:
        if wait[1] == wait[2]:  # whoever has it waits for another one of its kind
            return [wait]
        if found := follow([wait]):
            return found
    return []
