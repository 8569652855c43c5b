"""Runs a pair by many words, and compares what each comes to with each serial order."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle, permutations, starmap
from typing import NamedTuple

from saga.verify.concurrent.anomalies import (
    Anomaly,
    Serial,
    classify,
    describe,
    find_odd_endings,
)
from saga.verify.concurrent.faults import one_fault
from saga.verify.concurrent.pair import Pair
from saga.verify.concurrent.pair_run import PairResult, Schedules, run_pair
from saga.verify.concurrent.patience import patient_attempts
from saga.verify.concurrent.turns import SIDES
from saga.verify.concurrent.words import choose_words, count_changes, count_words, merge_runs
from saga.verify.environment.environment import Environment
from saga.verify.faults import ExecutionPath

SIDE_BY_SIDE = 8  # pairs; so sixteen sagas, as many as the campaign of single ones has
MOST_WORDS = 240
MOST_FAULTS, FAULTY_WORDS = 4, 4  # of a pair, and words for each, if not all are asked for
SHORTENED = 1  # of so many failing words the shortest is looked for; more say the same
AT_ONCE = 32  # shorter words that are tried side by side
LONG = 100  # letters; more than a saga has calls


@dataclass(frozen=True)
class PairOptions:
    """At most so many words of a pair, and a fifth of three, by seed; or one word alone.

    `faults`: so many faults of one side, by seed, have `faulty` words each, beside those without.
    `fault`: those whose name contains this, and all of them. `path`: how sagas run their
    activities; if not said, each path has its turn, the regular one first. `shorten`: whether the
    shortest word is looked for that fails like the first.
    """

    words: int = MOST_WORDS
    seed: int = 1
    word: str = ""
    shorten: bool = True
    faults: int = 0
    faulty: int = FAULTY_WORDS
    fault: str = ""
    path: ExecutionPath | None = None

    def count_words(self, pair: Pair) -> int:
        """How many there are at most."""
        return self.words if len(pair.sides) < len(SIDES) else max(1, self.words // 5)

    def choose_faults(self, pair: Pair) -> Mapping[str, Schedules]:
        """Those that strike, by their names."""
        known = dict(one_fault(pair))
        if self.fault:
            return {name: known[name] for name in known if self.fault in name}
        if self.word or len(pair.sides) == len(SIDES):
            return {}
        chance = random.Random(f"{self.seed} {pair.name}")  # noqa: S311 - it is to be the same again
        names = chance.sample(sorted(known), min(self.faults, len(known)))
        return {name: known[name] for name in names}

    def paths(self, pair: Pair) -> Sequence[ExecutionPath]:
        """Which the words of a pair take in turn."""
        return pair.paths if self.path is None else (self.path,)


@dataclass
class Verdict:
    """What is wrong with the outcome of a word, if anything is; `said` tells it in words.

    `odd`: how those ended who are answered so in no serial order. `judge` judges another word under
    the same fault; `cut_from`: the word that failed first, if this is a shorter one.
    """

    result: PairResult
    anomaly: Anomaly | None = None
    said: Sequence[str] = ()
    odd: Collection[str] = ()
    judge: "Judge | None" = None
    cut_from: str = ""

    async def find_shorter(self) -> "Verdict":
        """The same failure by a word with fewer changes of side, if there is one."""
        return self if self.judge is None else await shorten(self, self.judge)

    @property
    def is_allowed(self) -> bool:
        """Whether the pair says that this may be, for whom it is answered oddly."""
        if self.anomaly is None or self.anomaly not in self.result.pair.allows:
            return False
        answered = self.result.pair.allows[self.anomaly].answered
        return bool(self.odd) and all(answered in ending for ending in self.odd)

    @property
    def fails(self) -> bool:
        """Whether something is as it must not be."""
        return bool(self.result.violations) or (self.anomaly is not None and not self.is_allowed)


Judge = Callable[[str], Awaitable[Verdict]]


@dataclass
class PairReport:
    """The verdicts on a pair. `possible`: how many orders there are of its calls."""

    pair: Pair
    seed: int
    possible: int = 0
    verdicts: list[Verdict] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def interleavings(self) -> int:
        """How many different words were followed that are no serial order, each fault by itself."""
        return len(self._followed)

    @property
    def faulty(self) -> int:
        """How many of them with a fault."""
        return sum(bool(fault) for fault, _ in self._followed)

    @property
    def _followed(self) -> set[tuple[str, str]]:
        followed = {(each.result.fault, each.result.followed) for each in self.verdicts}
        sides = len(self.pair.sides)
        return {(fault, word) for fault, word in followed if count_changes(word) >= sides}

    @property
    def paths(self) -> Mapping[ExecutionPath, int]:
        """How many words were run on each path."""
        return Counter(each.result.path for each in self.verdicts)

    @property
    def failures(self) -> list[Verdict]:
        """What is wrong, in the fewest changes of side first."""
        failed = [verdict for verdict in self.verdicts if verdict.fails]
        return sorted(failed, key=_changes)


async def verify_pair(
    environment: Environment,
    pair: Pair,
    options: PairOptions,
    advance: Callable[[], None] = lambda: None,
) -> PairReport:
    """Run it by its words, without a fault and with each one that is asked for."""
    with patient_attempts():
        return await _verify_pair(environment, pair, options, advance)


async def _verify_pair(
    environment: Environment, pair: Pair, options: PairOptions, advance: Callable[[], None]
) -> PairReport:
    began, report = time.monotonic(), PairReport(pair, options.seed)
    if not options.fault:
        await _verify(environment, report, options, _Condition("", {}), advance)
    few = options.words if options.fault else options.faulty
    faults = options.choose_faults(pair).items()
    for path, condition in zip(
        cycle(options.paths(pair)), starmap(_Condition, faults), strict=False
    ):
        once = replace(options, words=few, path=path)
        await _verify(environment, report, once, condition, advance)
    for failure in report.failures[:SHORTENED] if options.shorten else ():
        report.verdicts[report.verdicts.index(failure)] = await failure.find_shorter()
    report.seconds = time.monotonic() - began
    return report


class _Condition(NamedTuple):
    """Under which a pair is run: the fault's name, and what strikes whom."""

    fault: str
    schedules: Schedules


async def _verify(
    environment: Environment,
    report: PairReport,
    options: PairOptions,
    condition: _Condition,
    advance: Callable[[], None],
) -> None:
    """Run all serial orders, then the words."""
    pair, slots = report.pair, asyncio.Semaphore(SIDE_BY_SIDE)

    async def run(word: str, path: ExecutionPath) -> PairResult:
        async with slots:
            result = await run_pair(environment, pair, word, condition.schedules, path)
        result.fault = condition.fault
        advance()
        return result

    paths = options.paths(pair)
    orders = ["".join(side * LONG for side in order) for order in permutations(pair.letters)]
    serially = await asyncio.gather(*(run(order, paths[0]) for order in orders))
    for each in serially:
        if count_changes(each.followed) >= len(pair.sides):
            each.violations.append(f"it was to be serial, and {each.followed} was followed")
    serial = compare_with(serially)
    calls = {side: max(each.followed.count(side) for each in serially) for side in pair.letters}
    report.possible += count_words(calls)

    async def judge(path: ExecutionPath, word: str) -> Verdict:
        again = partial(judge, path)
        return replace(judge_result(await run(word, path), serial), judge=again)

    report.verdicts += [judge_result(each, serial) for each in serially]
    if any(each.violations for each in serially):  # it is unsound before anything meets
        return
    words = choose_words(calls, options.count_words(pair), options.seed)
    chosen = [options.word] if options.word else words
    report.verdicts += await asyncio.gather(*map(judge, cycle(paths), chosen))


def compare_with(serially: Sequence[PairResult]) -> Serial:
    """What the other orders of those are compared with that were run one after the other."""
    outcomes = [each.outcome for each in serially]
    return Serial(outcomes, [rows for each in serially for rows in each.between])


def judge_result(result: PairResult, serial: Serial) -> Verdict:
    """What is wrong with it, if anything is."""
    if not result.outcome.endings:  # it failed before there was one
        return Verdict(result)
    anomaly = classify(result.outcome, serial)
    if anomaly is None:
        return Verdict(result)
    odd = find_odd_endings(result.outcome, serial).values()
    return Verdict(result, anomaly, describe(result.outcome, serial), [*odd])


async def shorten(failure: Verdict, judge: Judge) -> Verdict:
    """The same failure with the fewest changes of side that merging runs of letters comes to."""
    best, seen = failure, set[str]()
    while True:
        words = [word for word in merge_runs(best.result.followed) if word not in seen]
        tried = await asyncio.gather(*map(judge, words[:AT_ONCE]))
        seen.update(words[:AT_ONCE])
        same = [verdict for verdict in tried if verdict.fails and verdict.anomaly is best.anomaly]
        shorter = min(same, key=_changes, default=best)
        if _changes(shorter) >= _changes(best):
            break
        best = shorter
    if best is not failure:
        best.cut_from = failure.result.followed
    return best


def _changes(verdict: Verdict) -> int:
    return count_changes(verdict.result.followed)
