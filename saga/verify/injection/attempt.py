"""An attempt that a fault may strike, and what a behaviour is: it is wrapped around its body."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio.activity import Info

from saga.verify.faults import Fault
from saga.verify.injection.run_state import RunState

Body = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Attempt:
    """One attempt that a fault may strike. `number` counts all attempts at the point, from 1.

    `local` counts those on the fast path. `now` and `first` are when this one and the first were
    scheduled, by the server's clock. `info` is Temporal's of one on its queue.
    """

    state: RunState
    fault: Fault
    number: int
    local: int
    now: datetime
    first: datetime
    body: Body
    info: Info | None = None

    def fire(self) -> None:
        """It strikes now."""
        self.state.fire(self.fault)

    @property
    def is_first_effect(self) -> bool:
        """Of its life: the first attempt, unless it failed by itself, before its effect."""
        return self.number == 1 or self.fault not in self.state.fired

    async def hold_until(self, milestone: str) -> None:
        """Stand still until then."""
        self.fire()
        await self.state.until(milestone)
        self.state.say(f"{self.fault.point} attempt {self.number} goes on")


Behaviour = Callable[[Attempt], Awaitable[Any]]
