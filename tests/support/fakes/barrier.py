"""The barrier in memory."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from saga.participant import Compensated, KeyReused, Op, State, StepKey
from saga.participant.records import StepRecord

R = TypeVar("R")
A = TypeVar("A")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class Barrier:
    """Replies by key; a step that was undone takes effect no more."""

    def __init__(self) -> None:
        self._done: dict[StepKey, object] = {}
        self._undone: dict[StepKey, object] = {}
        self._refused: set[StepKey] = set()
        self._said: dict[StepKey, str] = {}

    def action(self, key: StepKey, digest: str, effect: Callable[[], R]) -> R:
        """Run it once; Compensated if it was undone, KeyReused if it is another command's."""
        self._same_command(key, digest)
        if key in self._refused:
            raise Compensated(f"step {key.step} of {key.saga_id} has been compensated")
        if key not in self._done:
            self._done[key] = effect()
            self._said[key] = digest
        return self._done[key]  # type: ignore[return-value]  # put there by the same step

    def compensation(self, key: StepKey, digest: str | None, undo: Callable[[A | None], R]) -> R:
        """Undo it once, with what it had replied; refuse it from now on."""
        self._same_command(key, digest)
        if key not in self._undone:
            self._undone[key] = undo(self._done.get(key))  # type: ignore[arg-type]  # as above
            self._refused.add(key)
            if digest is not None:
                self._said[key] = digest
        return self._undone[key]  # type: ignore[return-value]  # as above

    def fence(self, key: StepKey) -> bool:
        """Refuse it if it has not taken effect; whether it had."""
        if key not in self._done:
            self._refused.add(key)
        return key in self._done

    def _same_command(self, key: StepKey, digest: str | None) -> None:
        if digest is not None and self._said.get(key, digest) != digest:
            raise KeyReused(
                f"{key.step} of {key.saga_id} was asked for with another command before"
            )

    def replies(self, saga_id: str) -> list[Any]:
        """Of this saga's actions that stand."""
        return [
            reply
            for key, reply in self._done.items()
            if key.saga_id == saga_id and key not in self._refused
        ]

    def records(self, saga_id: str) -> list[StepRecord]:
        """What is on record of a saga; in memory, at no particular moment."""
        states: dict[tuple[str, Op], State] = {}
        for key in self._refused:
            if key.saga_id == saga_id:
                undone = State.COMPENSATED if key in self._done else State.TOMBSTONE
                states[key.step, Op.ACTION] = undone
        for done, op in ((self._done, Op.ACTION), (self._undone, Op.COMPENSATION)):
            for key in done:
                if key.saga_id == saga_id:
                    states.setdefault((key.step, op), State.DONE)
        return [
            StepRecord(step=step, op=op, state=state, recorded_at=MOMENT)
            for (step, op), state in states.items()
        ]
