"""Runs many schedules side by side and sums up what came of them."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from unittest.mock import patch

from saga.verify.environment.environment import Environment, running_environment
from saga.verify.faults import ExecutionPath, Fault, InjectionPoint, Schedule, WorkerMode
from saga.verify.kinds import Kind
from saga.verify.recording import Recording
from saga.verify.report import Report, describe_unreached
from saga.verify.run import Result, Run
from saga.verify.schedules.plan import Plan
from saga.verify.subject import HASTE, Subject

# Enough of others beside held attempts, which wait for their real time-out and cost nothing.
# With 40 the server failed to skip time now and then, for minutes, and all took a third longer.
SIDE_BY_SIDE = 16

# Of so many failing combinations the shortest failing part is looked for; more say the same.
SHORTENED = 3

# A server takes the longer for each schedule the more it has had: after so many, a third.
FRESH = 900

Environments = Callable[[], AbstractAsyncContextManager[Environment]]
Advance = Callable[[], None]
Progress = Callable[[str, int], Advance]


class UnsoundSaga(Exception):
    """The saga breaks a promise before anything is done to it; the message tells how."""


@dataclass(frozen=True)
class VerifyOptions:
    """What to run: every single fault, and of each saga so many seeded pairs and triples.

    `only` is contained in a schedule's name; `path` is the only one, or none for both; `shard` is
    (i, n), i from 1: every n-th of these.
    """

    pairs: int = 0
    triples: int = 0
    seed: int = 1
    only: str = ""
    path: ExecutionPath | None = None
    shard: tuple[int, int] = (1, 1)


EVERYTHING = VerifyOptions()


async def run(
    environments: Environments,
    subjects: Sequence[Subject],
    options: VerifyOptions,
    progress: Progress,
) -> list[Report]:
    """Verify all subjects: first every single fault, then the combinations.

    `environments` makes a fresh one for each FRESH schedules. `progress` is told of each part's
    name and size, and gives what to call after each schedule.
    """
    async with environments() as environment:
        plans = [await plan(environment, subject) for subject in subjects]
    singles = [select(item.singles(), options) for item in plans]
    several = [
        select(
            [
                *item.combinations(options.pairs, 2, options.seed),
                *item.combinations(options.triples, 3, options.seed),
            ],
            options,
        )
        for item in plans
    ]
    reports = [Report(each.name, options.pairs, options.triples, options.seed) for each in subjects]
    for part, lists in (("single faults", singles), ("combinations", several)):
        if any(lists):
            began = time.monotonic()
            number = sum(map(len, lists))
            advance, turns = progress(part, number), -(-number // FRESH)
            for turn in range(turns):
                jobs = [them[turn::turns] for them in lists]
                async with environments() as environment:
                    found = await _verify_all(environment, subjects, jobs, advance)
                for report, results in zip(reports, found, strict=True):
                    report.results += results
                    report.seconds[part] = time.monotonic() - began
    if any(report.failures for report in reports):
        async with environments() as environment:
            for subject, report in zip(subjects, reports, strict=True):
                await _shorten(environment, subject, report)
    return reports


async def verify_subject(
    subject: Subject,
    options: VerifyOptions = EVERYTHING,
    progress: Progress = lambda _, __: lambda: None,
) -> Report:
    """Verify a saga in the world that its subject has. Unsound if it fails without a fault."""
    environments = partial(running_environment, subject)
    (report,) = await run(environments, [subject], options, progress)
    return report


async def _verify_all(
    environment: Environment,
    subjects: Sequence[Subject],
    lists: Sequence[Sequence[Schedule]],
    advance: Advance,
) -> list[list[Result]]:
    slots = asyncio.Semaphore(SIDE_BY_SIDE)
    jobs = zip(subjects, lists, strict=True)
    return await asyncio.gather(
        *(verify(environment, subject, them, advance, slots) for subject, them in jobs)
    )


async def record(environment: Environment, subject: Subject) -> Recording:
    """What it calls when nothing goes wrong, and what besides in runs with a fault."""
    completed = frozenset({subject.completed})
    forward = await _calls(environment, subject, Schedule((), expects=completed))
    told = Plan(subject, Recording(forward, (), ()))
    refused: Sequence[InjectionPoint] = ()
    for trigger, _ in told.triggers()[:1]:
        refused = await _calls(environment, subject, Schedule((trigger,)))
    blocked: Sequence[InjectionPoint] = ()
    if told.can_block:
        blocked = await _calls(environment, subject, Schedule((Fault(forward[-1], Kind.REJECTED),)))
    undoing, notes = (
        [call for call in calls if call not in forward] for calls in (refused, blocked)
    )
    probes = {}
    for action in told.probed:
        calls = await _calls(environment, subject, Schedule((Fault(action, Kind.REPLIES_LOST),)))
        probes[action] = next(call for call in calls if call not in forward)
    return Recording(forward, undoing, notes, probes)


async def _calls(
    environment: Environment, subject: Subject, schedule: Schedule
) -> list[InjectionPoint]:
    result = await Run(environment, subject, schedule).result()
    if result.violations:
        diary = "\n".join(result.diary)
        raise UnsoundSaga(f"{subject.name}, {schedule.name}: {result.violations}\n{diary}")
    return result.calls


async def plan(environment: Environment, subject: Subject) -> Plan:
    """The subject's plan, after its recording runs."""
    return Plan(subject, await record(environment, subject))


def select(schedules: Sequence[Schedule], options: VerifyOptions) -> list[Schedule]:
    """Those that are asked for."""
    number, of = options.shard
    paths = set(ExecutionPath) if options.path is None else {options.path}
    return [
        schedule
        for schedule in schedules
        if options.only in schedule.name and schedule.path in paths
    ][number - 1 :: of]


async def verify(
    environment: Environment,
    subject: Subject,
    schedules: Sequence[Schedule],
    ended: Advance = lambda: None,
    slots: asyncio.Semaphore | None = None,
) -> list[Result]:
    """Run all, and last those with a shortened deadline. `ended` is called for each."""
    slots = slots or asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(schedule: Schedule) -> Result:
        async with slots:
            result = await Run(environment, subject, schedule).result()
        ended()
        return result

    # Two phases, since the deadline is one for the whole process.
    hurried = [chosen for chosen in schedules if chosen.mode is WorkerMode.HASTY]
    results = await asyncio.gather(
        *(one(chosen) for chosen in schedules if chosen.mode is not WorkerMode.HASTY)
    )
    if not hurried:
        return results
    hasty = replace(subject.definition, deadline=HASTE)
    with patch.object(subject.workflow, "definition", hasty):
        return [*results, *await asyncio.gather(*map(one, hurried))]


async def _shorten(environment: Environment, subject: Subject, report: Report) -> None:
    """Put the shortest failing parts in the place of the first failing combinations."""
    failing = [failure for failure in report.failures if len(failure.schedule.faults) > 1]
    for result in failing[:SHORTENED]:
        report.results[report.results.index(result)] = await shortest(environment, subject, result)


async def shortest(environment: Environment, subject: Subject, failed: Result) -> Result:
    """The failing result with the fewest faults that are part of this one's; it, if none is."""
    whole = failed.schedule
    for size in range(1, len(whole.faults)):
        for faults in combinations(whole.faults, size):
            part = replace(whole, faults=faults, expects=frozenset())
            result = await Run(environment, subject, part).result()
            if result.violations and not describe_unreached(result):
                return replace(result, cut_from=whole)
    return failed
