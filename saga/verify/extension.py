"""What an application adds to the verifier: kinds of faults that only its own sagas know."""

from collections.abc import Iterator, Mapping, Set
from enum import StrEnum
from typing import ClassVar

from saga.verify.faults import ExecutionPath, Schedule
from saga.verify.injection.attempt import Behaviour
from saga.verify.injection.run_controller import RunController
from saga.verify.recording import Calls, Triggers


class Extension:
    """Nothing is added. Override what there is to add.

    `behaviours` are what the kinds do to an attempt; `controller` does what they need of a run.
    `alone` go with no other fault; after those that are `raced`, a run that was ended on the fast
    path goes on beside the next one. `recovers`: whether the controller's `recover` carries a saga
    on whose workflow was ended.
    """

    behaviours: ClassVar[Mapping[StrEnum, Behaviour]] = {}
    controller: ClassVar[type[RunController]] = RunController
    alone: ClassVar[Set[StrEnum]] = frozenset()
    raced: ClassVar[Set[StrEnum]] = frozenset()
    recovers: ClassVar[bool] = False

    def schedules(
        self, calls: Calls, triggers: Triggers, path: ExecutionPath
    ) -> Iterator[Schedule]:
        """Every single fault of these kinds."""
        return iter(())
