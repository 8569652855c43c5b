"""Stops an activity at a chosen moment, so that a test can act while it is there."""

import asyncio
from collections import defaultdict
from typing import Any, NamedTuple

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

BEFORE, AFTER = "before", "after"
EVERY = "*"  # stands for all workflows, in `refuse`
BOUND = 30


class Point(NamedTuple):
    """A moment of an activity of one workflow: before its effect, or after it."""

    workflow_id: str
    activity: str
    moment: str


class Gate:
    """A closed gate: `reached` once an attempt stands before it, `open` lets all through."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self.empty = asyncio.Event()
        self.standing = 0

    async def wait_reached(self) -> None:
        """Until an attempt stands before the gate."""
        async with asyncio.timeout(BOUND):
            await self.reached.wait()

    async def open(self) -> None:
        """Let attempts pass, these and later ones; returns when all who stood there have ended."""
        self.opened.set()
        async with asyncio.timeout(BOUND):
            await self.empty.wait()

    async def pass_through(self) -> None:
        """What an attempt does."""
        self.reached.set()
        async with asyncio.timeout(BOUND):
            await self.opened.wait()

    def enter(self) -> None:
        """An attempt begins that may stand here."""
        self.standing += 1
        self.empty.clear()

    def leave(self) -> None:
        """It has ended."""
        self.standing -= 1
        if not self.standing:
            self.empty.set()


class Gates(Interceptor):
    """Closes gates before or after activities. An attempt after the first passes like the first."""

    def __init__(self) -> None:
        self._gates: dict[Point, Gate] = {}
        self._refusals: dict[tuple[str, str], Exception] = {}
        self._losses: dict[tuple[str, str], Exception] = {}
        self.started: dict[tuple[str, str], int] = defaultdict(int)

    def close(self, workflow_id: str, activity_name: str, moment: str) -> Gate:
        """Close a gate at this point."""
        gate = self._gates[Point(workflow_id, activity_name, moment)] = Gate()
        return gate

    def remove(self, workflow_id: str) -> None:
        """Let later attempts of this workflow pass; one that stands at a gate stays there."""
        for point in [gate for gate in self._gates if gate.workflow_id == workflow_id]:
            del self._gates[point]

    def refuse(self, workflow_id: str, activity_name: str, error: Exception) -> None:
        """Have every attempt fail with this instead of running, until `allow`."""
        self._refusals[workflow_id, activity_name] = error

    def lose(self, workflow_id: str, activity_name: str, error: Exception) -> None:
        """Have every attempt take effect and fail with this, until `allow`: its reply is lost."""
        self._losses[workflow_id, activity_name] = error

    def allow(self, workflow_id: str) -> None:
        """Refuse and lose nothing of this workflow any more."""
        for errors in (self._refusals, self._losses):
            for key in [error for error in errors if error[0] == workflow_id]:
                del errors[key]

    def loss(self, workflow_id: str, activity_name: str) -> Exception | None:
        """What to fail with after the effect, if anything."""
        return self._losses.get((workflow_id, activity_name))

    def refusal(self, workflow_id: str, activity_name: str) -> Exception | None:
        """What to fail with, if anything."""
        found = self._refusals.get((workflow_id, activity_name))
        return found or self._refusals.get((EVERY, activity_name))

    async def at(self, point: Point) -> None:
        """Wait here if there is a gate."""
        if gate := self._gates.get(point):
            await gate.pass_through()

    def of(self, *points: Point) -> list[Gate]:
        """The gates at these points."""
        return [self._gates[point] for point in points if point in self._gates]

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Gated(next, self)


class _Gated(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, gates: Gates) -> None:
        super().__init__(inner)
        self._gates = gates

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        info = activity.info()
        workflow_id = info.workflow_id or ""
        self._gates.started[workflow_id, info.activity_type] += 1
        if error := self._gates.refusal(workflow_id, info.activity_type):
            raise error.with_traceback(None)  # it is raised many times, and would grow each time
        before, after = (Point(workflow_id, info.activity_type, item) for item in (BEFORE, AFTER))
        gates = self._gates.of(before, after)
        for gate in gates:
            gate.enter()
        try:
            await self._gates.at(before)
            reply = await super().execute_activity(input)
            if error := self._gates.loss(workflow_id, info.activity_type):
                raise error.with_traceback(None)
            await self._gates.at(after)
        finally:
            for gate in gates:
                gate.leave()
        return reply
