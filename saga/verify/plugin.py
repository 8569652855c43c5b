"""The plugin of pytest: `def test_trips(verify_saga): verify_saga(TRIPS)`."""

from typing import Protocol

import pytest

from saga.verify.campaign import VerifyOptions
from saga.verify.command import story_of, verify_quietly
from saga.verify.concurrent.campaign import PairOptions, PairReport
from saga.verify.concurrent.pair import Pair
from saga.verify.concurrent.quietly import verify_pair_quietly
from saga.verify.concurrent.report import tell
from saga.verify.report import Report
from saga.verify.subject import Subject


class VerifySaga(Protocol):
    """Verifies a subject, and fails the test with the shortest schedules that break a promise.

    It runs every single fault, or every n-th only if `every` is n, and so many seeded pairs and
    triples. `only` is contained in a schedule's name.
    """

    def __call__(
        self,
        subject: Subject,
        *,
        pairs: int = 0,
        triples: int = 0,
        seed: int = 1,
        only: str = "",
        every: int = 1,
    ) -> Report:
        """What came of it."""


@pytest.fixture
def verify_saga() -> VerifySaga:
    """See `VerifySaga`."""

    def verify(
        subject: Subject,
        *,
        pairs: int = 0,
        triples: int = 0,
        seed: int = 1,
        only: str = "",
        every: int = 1,
    ) -> Report:
        report = verify_quietly(
            subject, VerifyOptions(pairs, triples, seed, only, shard=(1, every))
        )
        if not report.results:
            pytest.fail("no schedule is left: loosen `only` or `every`", pytrace=False)
        if report.failures:
            pytest.fail(story_of(report), pytrace=False)
        print(story_of(report))
        return report

    return verify


class VerifyPair(Protocol):
    """Verifies two sagas at once, and fails the test with the shortest schedule of an anomaly.

    It runs so many `words`, all there are or a sample by seed, and as many with each of so many
    `faults`, by seed.
    """

    def __call__(
        self, pair: Pair, *, words: int = 20, faults: int = 0, seed: int = 1
    ) -> PairReport:
        """What came of it."""


@pytest.fixture
def verify_pair() -> VerifyPair:
    """See `VerifyPair`."""

    def verify(pair: Pair, *, words: int = 20, faults: int = 0, seed: int = 1) -> PairReport:
        report = verify_pair_quietly(
            pair, PairOptions(words=words, faults=faults, faulty=words, seed=seed)
        )
        told = tell(report, "python -m saga verify package.module:PAIR")
        if report.failures:
            pytest.fail(told, pytrace=False)
        print(told)
        return report

    return verify
