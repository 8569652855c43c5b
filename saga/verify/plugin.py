"""The plugin of pytest: `def test_trips(verify_saga): verify_saga(TRIPS)`."""

from typing import Protocol

import pytest

from saga.verify.campaign import VerifyOptions
from saga.verify.command import story_of, verify_quietly
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
