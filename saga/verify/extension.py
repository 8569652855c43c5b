"""What an application adds to the verifier: kinds of faults that only its own sagas know."""

from collections.abc import Iterator, Mapping, Set
from enum import StrEnum
from typing import ClassVar

from saga.verify.faults import Path, Schedule
from saga.verify.injection.behaviours import Behaviour
from saga.verify.injection.stage import Stage
from saga.verify.recording import Calls, Triggers


class Extension:
    """Nothing is added. Override what there is to add.

    `behaviours` are what the kinds do to an attempt; `stage` does what they need of a run. `alone`
    go with no other fault; after those that are `raced`, a run that was ended on the fast path goes
    on beside the next one. `recovers`: whether the stage's `recover` carries a saga on whose
    workflow was ended.
    """

    behaviours: ClassVar[Mapping[StrEnum, Behaviour]] = {}
    stage: ClassVar[type[Stage]] = Stage
    alone: ClassVar[Set[StrEnum]] = frozenset()
    raced: ClassVar[Set[StrEnum]] = frozenset()
    recovers: ClassVar[bool] = False

    def schedules(self, calls: Calls, triggers: Triggers, path: Path) -> Iterator[Schedule]:
        """Every single fault of these kinds."""
        return iter(())
