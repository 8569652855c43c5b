"""The checker, on histories by hand: it names each anomaly, and is silent where there is none."""

import pytest

from invariants.pairs.registry import PAIRS
from saga.verify.concurrent.anomalies import Anomaly
from tests.isolation.answers import Answer, Level, judge_answer
from tests.isolation.findings import (
    SHARED,
    Finding,
    find_anomalies,
    find_orphaned_locks,
    is_allowed,
)
from tests.isolation.history import History, Party, Read, Write
from tests.isolation.recording import PLACE, RETURN

ONE, TWO, THREE = (Party(name, PLACE) for name in ("one", "two", "three"))


def history(*accesses: str, parties: tuple[Party, ...] = (ONE, TWO, THREE)) -> History:
    """Of words such as `one r x 0` (reads version 0), `two w x`, `two + x` (by a difference) and
    `two m x` (marks it as being worked on)."""
    made = History()
    for party in parties:
        made.join(party)
    for number, words in enumerate(accesses):
        who, what, item, *version = words.split()
        if what == "r":
            made.reads.append(Read(who, f"call {number}", item, int(version[0])))
        else:
            write = Write(who, f"call {number}", adds=what == "+", marks=what == "m")
            made.write(item, write)
    return made


def named(made: History) -> list[tuple[Anomaly | None, set[str]]]:
    return [(finding.anomaly, set(finding.parties)) for finding in find_anomalies(made)]


@pytest.mark.parametrize(
    ("accesses", "anomaly"),
    [
        (("one r x 0", "two w x", "one w x"), Anomaly.LOST_UPDATE),
        (("one r x 0", "two r x 0", "two w x", "one w x"), Anomaly.LOST_UPDATE),
        (("one r x 0", "two + x", "one w x"), Anomaly.LOST_UPDATE),
        (("one w x", "two w x", "one w x"), Anomaly.LOST_UPDATE),
        (("one w x", "two r x 1", "one w x"), Anomaly.DIRTY_READ),
        (("one w x", "two r x 1", "two w y", "one r y 1"), Anomaly.DIRTY_READ),
        (("one m x", "two r x 1", "two w x"), Anomaly.DIRTY_READ),
        (("one r x 0", "two w x", "one r x 1"), Anomaly.FUZZY_READ),
        (("one r x 0", "two w x", "two w y", "one r y 1"), Anomaly.FUZZY_READ),
        (("one r x 0", "two r y 0", "one w y", "two w x"), Anomaly.WRITE_SKEW),
    ],
)
def test_an_anomaly_of_two_is_named_as_the_literature_does(
    accesses: tuple[str, ...], anomaly: Anomaly
) -> None:
    assert (anomaly, {"one", "two"}) in named(history(*accesses))


def test_a_circle_of_three_is_found_by_its_shortest_way() -> None:
    skew = ("one r x 0", "two r y 0", "three r z 0", "one w z", "two w x", "three w y")
    found = find_anomalies(history(*skew, "one w a", "two w a"))
    assert [(finding.anomaly, len(finding.parties)) for finding in found] == [
        (Anomaly.WRITE_SKEW, 3)
    ]
    (only,) = found
    assert "x: call 0 of one read what was overwritten by call 4 of two" in only.story


def test_who_reads_twice_across_two_writers_has_lost_nothing() -> None:
    found = find_anomalies(history("one r x 0", "two w x", "three w x", "one r x 2"))
    assert [finding.anomaly for finding in found] == [Anomaly.FUZZY_READ]


@pytest.mark.parametrize(
    "serial",
    [
        ("one r x 0", "one w x", "two r x 1", "two w x", "three r x 2"),
        ("one r x 0", "one r y 0", "one w x", "one w x", "two r x 2", "two w y", "three r y 1"),
        ("one + x", "one + x", "two + x", "three r x 3", "three w x"),
        ("one m x", "one w x", "two r x 2", "two m x", "two r x 3", "two w x"),
        ("one r y 0", "two w y", "two w x", "three r x 1", "three r y 1"),
    ],
)
def test_one_after_the_other_is_no_anomaly(serial: tuple[str, ...]) -> None:
    assert named(history(*serial)) == []


def test_a_mark_that_outlives_its_saga_is_an_orphaned_lock() -> None:
    made = history("one m x", "one w x", "two m y", "three m z")
    assert [
        (finding.anomaly, finding.parties) for finding in find_orphaned_locks(made, {"three"})
    ] == [(Anomaly.ORPHANED_LOCK, ("two",))]


def test_differences_commute_however_they_are_mixed() -> None:
    assert named(history("one + x", "two + x", "one + x", "three + x", "two + x")) == []


def test_what_was_answered_before_is_to_be_seen() -> None:
    """A read of what was overwritten is late, if the overwriter had its answer before it began."""
    early, late = Party("one", PLACE, 0.0, 1.0), Party("two", PLACE, 2.0, 3.0)
    stale = ("one w x", "two r x 0", "two w y")
    assert named(history(*stale, parties=(early, late))) == [(Anomaly.FUZZY_READ, {"one", "two"})]
    beside = Party("two", PLACE, 0.5, 3.0)
    assert named(history(*stale, parties=(early, beside))) == []


class TestAnswers:
    """Of one who wanted two, and was refused for one."""

    levels = (Level(1.0, 3), Level(2.0, 1, {TWO: 2}), Level(3.0, 3))

    def judge(
        self, *levels: Level, found: int = 1, between: tuple[float, float] = (1.5, 2.5)
    ) -> Finding | None:
        return judge_answer(Answer(ONE, "reserve", "stock", 2, found, between), levels)

    def test_a_refusal_for_what_another_one_keeps_is_true(self) -> None:
        assert self.judge(Level(1.0, 3), Level(2.0, 1)) is None

    def test_a_refusal_for_what_is_undone_later_is_a_dirty_read(self) -> None:
        found = self.judge(*self.levels)
        assert found is not None
        assert (found.anomaly, found.parties) == (Anomaly.DIRTY_READ, ("one", "two"))

    def test_a_refusal_that_holds_without_what_is_undone_is_true(self) -> None:
        assert self.judge(Level(1.0, 3), Level(2.0, 0, {TWO: 1}), found=0) is None

    @pytest.mark.parametrize(
        ("found", "between"), [(0, (1.5, 2.5)), (2, (1.5, 2.5)), (1, (0.0, 0.5))]
    )
    def test_a_refusal_for_what_was_never_so_is_a_fuzzy_read(
        self, found: int, between: tuple[float, float]
    ) -> None:
        finding = self.judge(*self.levels, found=found, between=between)
        assert finding is not None
        assert finding.anomaly is Anomaly.FUZZY_READ

    def test_what_is_known_to_be_gone_is_not_seen(self) -> None:
        over = (Level(1.0, 1, gone=2.5), Level(2.0, 3))
        assert self.judge(*over, between=(2.2, 3.0)) is None
        late = self.judge(*over, between=(2.7, 3.0))
        assert late is not None
        assert late.anomaly is Anomaly.FUZZY_READ

    def test_what_was_over_before_is_not_seen(self) -> None:
        """Not even if it was committed as late as it can have been."""
        over = (*self.levels, Level(4.0, 3), Level(5.0, 3))
        assert self.judge(*over, between=(3.5, 6.0)) is not None
        late = self.judge(*over, between=(4.5, 6.0))
        assert late is not None
        assert late.anomaly is Anomaly.FUZZY_READ


def test_only_what_the_pair_allows_is_allowed() -> None:
    def found(anomaly: Anomaly | None, *kinds: str, on: str = "stock of A") -> Finding:
        return Finding(anomaly, tuple("abc"[: len(kinds)]), kinds, (on,))

    assert is_allowed(found(Anomaly.DIRTY_READ, PLACE, PLACE))
    assert is_allowed(found(Anomaly.DIRTY_READ, RETURN, RETURN, on="order ord_1"))
    assert not is_allowed(found(Anomaly.DIRTY_READ, PLACE, PLACE, on="price of A"))
    assert not is_allowed(found(Anomaly.LOST_UPDATE, PLACE, PLACE))
    assert not is_allowed(found(Anomaly.DIRTY_READ, PLACE, RETURN))
    assert not is_allowed(found(Anomaly.DIRTY_READ, PLACE, PLACE, RETURN))
    assert not is_allowed(found(Anomaly.DIRTY_READ, PLACE))
    assert not is_allowed(found(None, PLACE, PLACE))
    assert all(name in str([pair.shares for pair in PAIRS]) for name in SHARED.values())
