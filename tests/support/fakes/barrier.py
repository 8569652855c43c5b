"""The barrier in memory."""

from collections.abc import Callable
from typing import TypeVar

from contracts.errors import Compensated
from contracts.message import StepKey

R = TypeVar("R")
A = TypeVar("A")


class Barrier:
    """Replies by key; a step that was undone takes effect no more."""

    def __init__(self) -> None:
        self._done: dict[StepKey, object] = {}
        self._undone: dict[StepKey, object] = {}
        self._refused: set[StepKey] = set()

    def action(self, key: StepKey, effect: Callable[[], R]) -> R:
        """Run it once; Compensated if it was undone."""
        if key in self._refused:
            raise Compensated(f"step {key.step} of {key.saga_id} has been compensated")
        if key not in self._done:
            self._done[key] = effect()
        return self._done[key]  # type: ignore[return-value]  # put there by the same step

    def compensation(self, key: StepKey, undo: Callable[[A | None], R]) -> R:
        """Undo it once, with what it had replied; refuse it from now on."""
        if key not in self._undone:
            self._undone[key] = undo(self._done.get(key))  # type: ignore[arg-type]  # as above
            self._refused.add(key)
        return self._undone[key]  # type: ignore[return-value]  # as above

    def fence(self, key: StepKey) -> bool:
        """Refuse it if it has not taken effect; whether it had."""
        if key not in self._done:
            self._refused.add(key)
        return key in self._done
