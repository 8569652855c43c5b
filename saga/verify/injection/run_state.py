"""What is to happen to one run, and what has happened: the state that its faults share."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from saga.verify.cases import OperatorDecision
from saga.verify.faults import Fault, InjectionPoint, Schedule
from saga.verify.groups import PARKED, UNDONE
from saga.verify.kinds import Life

if TYPE_CHECKING:
    from saga.verify.injection.run_controller import RunController

END = "the end"
BOUND = 45.0


class RunState:
    """One run's faults and its diary. `controller`, set once it runs, carries them out.

    `behaviours`: what each kind of fault does to an attempt.
    """

    controller: "RunController"

    def __init__(
        self, schedule: Schedule, undoing: dict[str, str], behaviours: Mapping[StrEnum, Any]
    ) -> None:
        self.schedule = schedule
        self.behaviours = behaviours
        self.faults = list(schedule.all)
        self.fired: set[Fault] = set()
        self.calls: list[InjectionPoint] = []
        self.attempts: Counter[InjectionPoint] = Counter()
        self.local: Counter[InjectionPoint] = Counter()
        self.first: dict[InjectionPoint, datetime] = {}
        self.bodies: set[asyncio.Task[Any]] = set()
        self.diary: list[str] = []
        self.over: set[Fault] = set()
        self.wrong: list[str] = []
        self.decisions: list[OperatorDecision] = []
        self.said: Counter[Fault] = Counter()
        self.given_up = False  # an operator has ended it, as it could not go on
        self._undoing = undoing
        self._healed: set[InjectionPoint] = set()
        self._next: StrEnum | None = None
        self._milestones: dict[str, asyncio.Event] = {}
        self._began = time.monotonic()

    def say(self, what: str) -> None:
        """Add a line to the diary."""
        self.diary.append(f"{time.monotonic() - self._began:6.2f}s  {what}")

    def fire(self, fault: Fault) -> None:
        """A fault strikes now."""
        self.fired.add(fault)
        self.say(f"FAULT {fault}")

    def faults_at(self, point: InjectionPoint) -> list[Fault]:
        """The faults that a point has still to suffer."""
        if point in self._healed:
            return []
        if self._next is not None:
            self.faults.append(Fault(point, self._next))
            self._next = None
        return [fault for fault in self.faults if fault.point == point]

    def begin_again(self, kind: StrEnum, point: InjectionPoint | None) -> None:
        """The saga's second life, in which this is to strike; attempts are counted anew.

        Without a point it strikes what is called first.
        """
        if point is None:
            self._next = kind
        else:
            self.faults.append(Fault(point, kind))
        self.count_anew()

    def outlive(self, fault: Fault) -> None:
        """A later life, in which the fault strikes again, unless a person's word has settled it."""
        self.count_anew()
        if self.is_settled(fault):
            self.heal(fault.point)  # whoever does it again succeeds, and is found out
        else:
            self.break_again(fault.point)
            self.said[fault] = 0

    def count_anew(self) -> None:
        """Attempts are counted from 1 again: those of a later life."""
        for counted in (self.attempts, self.local, self.first):
            counted.clear()

    def is_settled(self, fault: Fault) -> bool:
        """Whether a person has said that what it strikes is done, or need not be."""
        return any(
            decision.step == fault.point.step and decision.settles for decision in self.decisions
        )

    @property
    def ending(self) -> Fault | None:
        """The fault with which a life of the saga is to end, until it has."""
        return next(
            (
                fault
                for fault in self.faults
                if fault.life is not Life.FIRST and fault not in self.over
            ),
            None,
        )

    @property
    def operator_is_away(self) -> bool:
        """Whether no operator has looked yet: a life is to end while a step is parked."""
        return self.ending is not None and self.ending.life in PARKED

    @property
    def left(self) -> frozenset[str]:
        """The steps of which a person said that they need not be done, or are; and nobody did."""
        undone = {fault.point.step for fault in self.faults if fault.kind in UNDONE}
        return frozenset(
            decision.step
            for decision in self.decisions
            if decision.settles and decision.step in undone
        )

    def heal(self, point: InjectionPoint) -> None:
        """Nothing fails there any more."""
        self.say(f"{point} is healed")
        self.reach(milestone_of_healing(point))
        self._healed.add(point)

    def break_again(self, point: InjectionPoint) -> None:
        """It fails as before."""
        self._healed.discard(point)
        self._event(milestone_of_healing(point)).clear()

    def compensation_of(self, point: InjectionPoint) -> InjectionPoint:
        """Where the effect of a point's step is undone."""
        return InjectionPoint(point.step, self._undoing[point.step.partition("#")[0]])

    def reach(self, milestone: str) -> None:
        """Somebody may wait for this."""
        self._event(milestone).set()

    async def until(self, milestone: str) -> None:
        """Wait for it; after the end there is nothing left to wait for."""
        waiting = [asyncio.create_task(self._event(item).wait()) for item in (milestone, END)]
        try:
            await asyncio.wait(waiting, timeout=BOUND, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    def has_happened(self, milestone: str) -> bool:
        """Whether it was reached."""
        return self._event(milestone).is_set()

    async def wait_for_retry(self, point: InjectionPoint, attempts: int) -> None:
        """Wait until there is one more attempt at a point than these."""
        await self.until(milestone_of_attempt(point, attempts + 1))

    async def wait_until_landed(self) -> None:
        """After the end: let everything go that is held, and wait until it has landed."""
        self.reach(END)
        while self.bodies:
            await asyncio.wait(self.bodies, timeout=BOUND)

    def _event(self, milestone: str) -> asyncio.Event:
        return self._milestones.setdefault(milestone, asyncio.Event())


def milestone_of_attempt(point: InjectionPoint, attempt: int = 1) -> str:
    """The milestone of an attempt's begin."""
    return f"{point} attempt {attempt} begins"


def milestone_of_healing(point: InjectionPoint) -> str:
    """The milestone of a point's being mended."""
    return f"{point} is healed"


def milestone_of_success(point: InjectionPoint) -> str:
    """The milestone of an attempt's success, the first."""
    return f"{point} has succeeded"
