"""What is verified of sagas of orders beside what is verified of every saga."""

from collections.abc import Iterator, Mapping, Set
from enum import StrEnum
from typing import ClassVar

from invariants.faults.groups import AGAIN, AUDITED_AFTER, AUDITS
from invariants.faults.others import OTHERS
from invariants.faults.run_controller import OrderRunController
from invariants.faults.schedules import OutsiderSchedules
from saga.verify.extension import Extension
from saga.verify.faults import ExecutionPath, Schedule
from saga.verify.injection.attempt import Behaviour
from saga.verify.injection.run_controller import RunController
from saga.verify.recording import Calls, Triggers


class OrderExtension(Extension):
    """Others who start, audit or pay back an order; databases that are restored; the provider."""

    behaviours: ClassVar[Mapping[StrEnum, Behaviour]] = OTHERS
    controller: ClassVar[type[RunController]] = OrderRunController
    alone: ClassVar[Set[StrEnum]] = {*AGAIN, *AUDITS, *AUDITED_AFTER}
    raced: ClassVar[Set[StrEnum]] = {*AUDITS}
    recovers: ClassVar[bool] = True

    def schedules(
        self, calls: Calls, triggers: Triggers, path: ExecutionPath
    ) -> Iterator[Schedule]:
        """Every single fault of these kinds."""
        return OutsiderSchedules(calls).all(triggers, path)
