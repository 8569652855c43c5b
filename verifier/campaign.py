"""Runs many schedules side by side and sums up what came of them."""

import asyncio
from collections.abc import Callable, Sequence
from unittest.mock import patch

from saga import Kind as StepKind
from verifier.faults import Fault, Kind, Mode, Schedule, Site
from verifier.plan import Plan, Recording
from verifier.run import Result, Run
from verifier.subject import HASTE, Subject
from verifier.world import World

# Enough of others beside held attempts, which wait for their real time-out and cost nothing.
SIDE_BY_SIDE = 16


async def record(world: World, subject: Subject) -> Recording:
    """What it calls when nothing goes wrong, and what besides in two runs with a fault."""
    forward = await _calls(world, subject, Schedule(()))
    pivots = {step.name for step in subject.steps if step.kind is StepKind.PIVOT}
    pivot = next(site for site in forward if site.step in pivots)
    refused = await _calls(world, subject, Schedule((Fault(pivot, Kind.REJECTED),)))
    blocked = await _calls(world, subject, Schedule((Fault(forward[-1], Kind.REJECTED),)))
    undoing, notes = ([it for it in calls if it not in forward] for calls in (refused, blocked))
    return Recording(forward, undoing, notes)


async def _calls(world: World, subject: Subject, schedule: Schedule) -> list[Site]:
    result = await Run(world, subject, schedule).result()
    if result.violations:
        raise RuntimeError(f"{subject.name}, {schedule.name}: {result.violations}")
    return result.calls


async def plan(world: World, subject: Subject) -> Plan:
    """The subject's plan, after a recording run."""
    return Plan(subject, await record(world, subject))


def select(schedules: Sequence[Schedule], only: str, shard: tuple[int, int]) -> list[Schedule]:
    """Those whose name contains `only`, and of these every n-th, from the i-th (from 1) on."""
    number, of = shard
    return [it for it in schedules if only in it.name][number - 1 :: of]


async def verify(
    world: World,
    subject: Subject,
    schedules: Sequence[Schedule],
    ended: Callable[[], None] = lambda: None,
    side_by_side: int = SIDE_BY_SIDE,
) -> list[Result]:
    """Run all, and last those with a shortened deadline. `ended` is called for each."""
    slots = asyncio.Semaphore(side_by_side)

    async def one(schedule: Schedule) -> Result:
        async with slots:
            result = await Run(world, subject, schedule).result()
        ended()
        return result

    # Two phases, since the deadline is one for the whole process.
    hurried = [it for it in schedules if it.mode is Mode.HASTY]
    results = await asyncio.gather(*(one(it) for it in schedules if it.mode is not Mode.HASTY))
    with patch.object(subject.module, "DEADLINE", HASTE):
        return [*results, *await asyncio.gather(*map(one, hurried))]
