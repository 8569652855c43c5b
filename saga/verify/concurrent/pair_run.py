"""Runs a pair by one word, and says what it came to."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from saga.verify.concurrent.anomalies import Outcome
from saga.verify.concurrent.pair import NO_FAULT, Pair, PartnerEnding, Side
from saga.verify.concurrent.turns import Turns
from saga.verify.environment.environment import Environment
from saga.verify.faults import ExecutionPath, Schedule

Schedules = Mapping[str, Schedule]  # by side


@dataclass
class PairResult:
    """What came of a word: `followed` is the one that was really followed. `fault`: what struck.

    `path`: how sagas ran their activities. `passed`: how often a side was passed over for not
    coming. `between`: the rows before, and when some had ended and the others had not begun.
    """

    pair: Pair
    word: str
    fault: str = ""
    path: ExecutionPath = ExecutionPath.REGULAR
    followed: str = ""
    outcome: Outcome = field(default_factory=Outcome)
    between: list[Mapping[str, Any]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    steps: Sequence[tuple[str, str]] = ()
    passed: int = 0
    seconds: float = 0.0


async def run_pair(
    environment: Environment,
    pair: Pair,
    word: str,
    schedules: Schedules | None = None,
    path: ExecutionPath = ExecutionPath.REGULAR,
) -> PairResult:
    """All sides to their ends, and the invariants after. Whatever fails is a violation."""
    began, turns = time.monotonic(), Turns(word, pair.letters)
    result = PairResult(pair, word, path=path)
    try:
        await _run(environment, pair, turns, schedules or {}, result)
    except Exception as error:  # noqa: BLE001 - whatever it is, this word brought it up
        result.violations.append(f"the verifier failed: {error!r}")
    result.steps, result.followed, result.passed = turns.steps, turns.followed, turns.passed
    result.seconds = time.monotonic() - began
    return result


async def _run(
    environment: Environment, pair: Pair, turns: Turns, schedules: Schedules, result: PairResult
) -> None:
    world = environment.world
    meeting = await pair.meet(world)
    result.between.append(await pair.observe(world, meeting))

    ended: set[str] = set()

    async def act(letter: str) -> PartnerEnding:
        partner = pair.sides[pair.letters.index(letter)]
        schedule = schedules.get(letter, NO_FAULT)
        try:
            ending = await partner.act(
                Side(letter, environment, meeting, turns, schedule, result.path)
            )
            ended.add(letter)
            if set(turns.followed) == ended:  # nobody else has begun
                result.between.append(await pair.observe(world, meeting))
        finally:
            turns.end(letter)
        return ending

    conductor = asyncio.create_task(turns.conduct())
    try:
        came = await asyncio.gather(*(act(letter) for letter in pair.letters))
    finally:
        conductor.cancel()
    endings = dict(zip(pair.letters, came, strict=True))
    stuck = frozenset(letter for letter, ending in endings.items() if ending.is_stuck)
    held = await pair.locks(world, meeting) if pair.locks and not stuck else ()
    result.outcome = Outcome(
        {letter: ending.how for letter, ending in endings.items()},
        await pair.observe(world, meeting),
        frozenset(letter for letter, ending in endings.items() if ending.undone),
        stuck,
        frozenset(held),
        turns.deadlocks,
    )
    result.violations += [f"{letter}: {endings[letter].how}" for letter in sorted(stuck)]
    for invariant in pair.invariants:
        result.violations += await invariant(world, meeting, endings)
