"""What is to happen to one run, and what has happened: the state that its faults share."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from verifier.faults import Fault, Schedule, Site, Way

END = "the end"
BOUND = 45.0

Ask = Callable[[Way], Awaitable[None]]
Refuse = Callable[[str], Awaitable[None]]


class Script:
    """One run's faults and its diary.

    `ask` sends a cancel and returns when it is processed; `refuse` has an activity's service
    refuse it from now on.
    """

    def __init__(
        self, schedule: Schedule, undoing: dict[str, str], ask: Ask, refuse: Refuse
    ) -> None:
        self.schedule = schedule
        self.ask = ask
        self.refuse = refuse
        self.fired: set[Fault] = set()
        self.calls: list[Site] = []
        self.attempts: Counter[Site] = Counter()
        self.first: dict[Site, datetime] = {}
        self.bodies: set[asyncio.Task[Any]] = set()
        self.diary: list[str] = []
        self._undoing = undoing
        self._healed: set[Site] = set()
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
        return [fault for fault in self.schedule.all if fault.site == site]

    def heal(self, step: str) -> None:
        """Nothing fails any more at this step."""
        self.say(f"{step} is healed")
        self.reach(healed(step))
        self._healed |= {fault.site for fault in self.schedule.all if fault.site.step == step}

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
