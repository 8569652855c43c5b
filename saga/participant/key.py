"""The key of a step's effect."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class StepKey:
    """What makes a step's effect unique: the saga and the step, the same on every attempt."""

    saga_id: str
    step: str
