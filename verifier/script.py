"""What is to happen to one run, and what has happened: the state that its faults share."""

import asyncio
import time
from collections import Counter
from datetime import datetime
from typing import Any, Protocol

from verifier.faults import Fault, Kind, Schedule, Site, Way

END = "the end"
BOUND = 45.0


class Stage(Protocol):
    """What a fault may do to the run that it strikes."""

    async def ask(self, way: Way) -> None:
        """Send a cancel; returns when it is processed."""

    async def refuse(self, activity: str) -> None:
        """Have an activity's service refuse it from now on."""

    def lose(self, way: Way | None) -> None:
        """Lose the workflow task that goes on; and all, until one knows of a cancel, sent now."""

    async def end_and_reset(self, way: Way | None) -> None:
        """Terminate the run and reset it to its first task, which may know of a cancel."""


class Script:
    """One run's faults and its diary."""

    def __init__(self, schedule: Schedule, undoing: dict[str, str], stage: Stage) -> None:
        self.schedule = schedule
        self.stage = stage
        self.faults = list(schedule.all)
        self.fired: set[Fault] = set()
        self.calls: list[Site] = []
        self.attempts: Counter[Site] = Counter()
        self.local: Counter[Site] = Counter()
        self.first: dict[Site, datetime] = {}
        self.bodies: set[asyncio.Task[Any]] = set()
        self.diary: list[str] = []
        self._undoing = undoing
        self._healed: set[Site] = set()
        self._next: Kind | None = None
        self._milestones: dict[str, asyncio.Event] = {}
        self._began = time.monotonic()

    def say(self, what: str) -> None:
        """Add a line to the diary."""
        self.diary.append(f"{time.monotonic() - self._began:6.2f}s  {what}")

    def fire(self, fault: Fault) -> None:
        """A fault strikes now."""
        self.fired.add(fault)
        self.say(f"FAULT {fault}")

    def of(self, site: Site) -> list[Fault]:
        """The faults that a site has still to suffer."""
        if site in self._healed:
            return []
        if self._next is not None:
            self.faults.append(Fault(site, self._next))
            self._next = None
        return [fault for fault in self.faults if fault.site == site]

    def begin_again(self, kind: Kind, site: Site | None) -> None:
        """The saga's second life, in which this is to strike; attempts are counted anew.

        Without a site it strikes what is called first.
        """
        if site is None:
            self._next = kind
        else:
            self.faults.append(Fault(site, kind))
        for counted in (self.attempts, self.local, self.first):
            counted.clear()

    def heal(self, step: str) -> None:
        """Nothing fails any more at this step."""
        self.say(f"{step} is healed")
        self.reach(healed(step))
        self._healed |= {fault.site for fault in self.faults if fault.site.step == step}

    def undoing_of(self, site: Site) -> Site:
        """Where the effect of a site's step is undone."""
        return Site(site.step, self._undoing[site.step])

    def reach(self, milestone: str) -> None:
        """Somebody may wait for this."""
        self._event(milestone).set()

    async def until(self, milestone: str) -> None:
        """Wait for it; after the end there is nothing left to wait for."""
        waiting = [asyncio.create_task(self._event(it).wait()) for it in (milestone, END)]
        try:
            await asyncio.wait(waiting, timeout=BOUND, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    async def settled(self) -> None:
        """After the end: let everything go that is held, and wait until it has landed."""
        self.reach(END)
        while self.bodies:
            await asyncio.wait(self.bodies, timeout=BOUND)

    def _event(self, milestone: str) -> asyncio.Event:
        return self._milestones.setdefault(milestone, asyncio.Event())


def begun(site: Site, attempt: int = 1) -> str:
    """The milestone of an attempt's begin."""
    return f"{site} attempt {attempt} begins"


def healed(step: str) -> str:
    """The milestone of a step's being mended."""
    return f"{step} is healed"


def ended(site: Site) -> str:
    """The milestone of an attempt's success, the first."""
    return f"{site} has succeeded"
