"""Two sagas at once: a bounded part of the interleavings, and what is said of mutants."""

import asyncio
from typing import Any, cast

import pytest

from invariants.environment import OrderWorld
from invariants.pairs.registry import PAIRS
from invariants.pairs.trios import TRIOS
from saga.verify.concurrent.anomalies import Anomaly, Outcome, Serial, classify
from saga.verify.concurrent.campaign import (
    PairOptions,
    Verdict,
    shorten,
    verify_pair,
)
from saga.verify.concurrent.pair import (
    MOST_ATTEMPTS,
    CallsPartner,
    Pair,
    Side,
)
from saga.verify.concurrent.pair_run import PairResult
from saga.verify.concurrent.report import tell
from saga.verify.concurrent.turns import Turns
from saga.verify.concurrent.words import choose_words, count_changes, count_words, merge_runs
from saga.verify.faults import ExecutionPath
from tests.verifier.conftest import GONE

COMMAND = "saga verify --concurrent"
FEW = 4  # interleavings of each pair at least; of its words, some are serial
SIX = {"A": 6, "B": 6}  # calls of each side


def pair_of(name: str) -> Pair:
    return next(pair for pair in PAIRS if pair.name == name)


class TestWords:
    def test_few_are_all_there_are_and_many_are_a_sample_by_seed(self) -> None:
        assert sorted(choose_words({"A": 2, "B": 1}, 10, seed=1)) == ["AAB", "ABA", "BAA"]
        assert count_words(SIX) == 924
        assert len(set(choose_words(SIX, 924, seed=1))) == 924
        some = choose_words(SIX, 50, seed=1)
        assert len(set(some)) == 50
        assert {*map("".join, map(sorted, some))} == {"AAAAAABBBBBB"}
        assert some == choose_words(SIX, 50, seed=1) != choose_words(SIX, 50, seed=2)

    def test_three_sides_have_more_orders(self) -> None:
        three = {"A": 1, "B": 1, "C": 1}
        assert len(set(choose_words(three, 6, seed=1))) == count_words(three) == 6
        assert count_words({"A": 6, "B": 6, "C": 6}) == 17_153_136

    def test_merged_runs_have_the_same_letters_and_fewer_changes(self) -> None:
        shorter = list(merge_runs("ABBABA"))
        assert shorter
        for word in shorter:
            assert sorted(word) == sorted("ABBABA")
            assert count_changes(word) < count_changes("ABBABA")


class TestClassification:
    """Of two who each take one of ten."""

    serial = Serial(
        [Outcome({"A": "done", "B": "done"}, {"left": 8, "seen": 9})],
        [{"left": 10, "seen": 9}, {"left": 9, "seen": 9}],
    )

    @pytest.mark.parametrize(
        ("ends", "left", "undone", "name"),
        [
            (("done", "done"), 8, "", None),
            (("done", "done"), 9, "", Anomaly.LOST_UPDATE),
            (("done", "done"), 7, "", Anomaly.WRITE_SKEW),
            (("done", "refused"), 9, "A", Anomaly.DIRTY_READ),
            (("done", "refused"), 9, "", Anomaly.FUZZY_READ),
        ],
    )
    def test_an_outcome_is_named_by_what_differs(
        self, ends: tuple[str, str], left: int, undone: str, name: Anomaly | None
    ) -> None:
        found = Outcome(
            dict(zip("AB", ends, strict=True)), {"left": left, "seen": 9}, frozenset(undone)
        )
        assert classify(found, self.serial) is name

    @pytest.mark.parametrize(
        ("ending", "fails"),
        [("rejected (out_of_stock)", False), ("timed_out (deadline_exceeded)", True)],
    )
    def test_what_may_be_may_be_only_for_who_is_answered_so(
        self, ending: str, *, fails: bool
    ) -> None:
        pair = pair_of("place and place, the last pieces")
        odd = PairResult(pair, "AB", outcome=Outcome({"A": ending}))
        assert Verdict(odd, Anomaly.DIRTY_READ, odd=[ending]).fails is fails


class TestLocks:
    serial = Serial(
        [Outcome({"A": "done", "B": "refused"}, {"status": "returned"})], [{"status": "open"}]
    )

    @pytest.mark.parametrize(
        ("more", "name"),
        [
            ({}, None),
            ({"held": frozenset({"a lock"})}, Anomaly.ORPHANED_LOCK),
            ({"deadlocks": 1}, Anomaly.DEADLOCK),
        ],
    )
    def test_a_lock_that_is_left_is_named_though_the_outcome_is_right(
        self, more: dict[str, Any], name: Anomaly | None
    ) -> None:
        found = Outcome({"A": "done", "B": "refused"}, {"status": "returned"}, **more)
        assert classify(found, self.serial) is name

    def test_who_never_ends_was_answered_nothing_and_the_rows_tell_what_it_is(self) -> None:
        found = Outcome(
            {"A": "open", "B": "refused"}, {"status": "open"}, frozenset("B"), frozenset("A")
        )
        assert classify(found, self.serial) is Anomaly.LOST_UPDATE


async def test_a_failure_is_told_by_the_word_with_the_fewest_changes() -> None:
    pair = PAIRS[0]

    async def judge(word: str) -> Verdict:
        """As if A must not come after the second call of B if it has begun."""
        first = word.index("B", word.index("B") + 1)
        found = Anomaly.LOST_UPDATE if "A" in word[first:] and word[:first].count("A") else None
        return Verdict(PairResult(pair, word, followed=word), found)

    found = await shorten(await judge("ABABBAABBAAB"), judge)
    assert found.fails
    assert count_changes(found.result.followed) == 2
    assert found.cut_from == "ABABBAABBAAB"


class TestTurns:
    """The gate, without any saga."""

    async def follow(self, word: str, *sides: Any) -> tuple[Turns, list[str]]:
        letters = "ABC"[: len(sides)]
        turns = Turns(word, letters)
        order: list[str] = []

        async def act(letter: str, calls: Any) -> None:
            try:
                await calls(turns, letter, order)
            finally:
                turns.end(letter)

        conductor = asyncio.create_task(turns.conduct())
        await asyncio.gather(*(act(*each) for each in zip(letters, sides, strict=True)), conductor)
        return turns, order

    async def three(self, turns: Turns, letter: str, order: list[str]) -> None:
        for number in range(3):
            async with turns.take(letter, f"call {number}"):
                await asyncio.sleep(0)
                order.append(letter)

    @pytest.mark.parametrize("word", ["AAABBB", "BBBAAA", "ABABAB", "BAABBA"])
    async def test_the_word_is_the_order_of_the_calls(self, word: str) -> None:
        turns, order = await self.follow(word, self.three, self.three)
        assert "".join(order) == turns.followed == word

    @pytest.mark.parametrize("word", ["ABCABCABC", "CCCBBBAAA"])
    async def test_three_take_turns_likewise(self, word: str) -> None:
        turns, order = await self.follow(word, self.three, self.three, self.three)
        assert "".join(order) == turns.followed == word

    async def test_when_the_word_is_over_each_has_its_turn(self) -> None:
        turns, _ = await self.follow("C", self.three, self.three, self.three)
        assert turns.followed == "CABCABCAB"

    async def test_a_side_that_has_ended_is_left_out(self) -> None:
        turns, order = await self.follow("AAAAAAAA", self.three, self.three)
        assert "".join(order) == turns.followed == "AAABBB"

    async def test_who_each_wait_for_the_other_are_told(self) -> None:
        given_up = asyncio.Event()

        async def waits(turns: Turns, letter: str, order: list[str]) -> None:
            async with turns.take(letter, "a lock") as turn:
                turn.blocked = lambda: asyncio.sleep(0, not given_up.is_set())
                if letter == "B":
                    await asyncio.sleep(0.05)  # as a database takes a while to see it
                    given_up.set()
                await given_up.wait()
                order.append(letter)

        turns, _ = await self.follow("AB", waits, waits)
        assert turns.deadlocks == 1

    @pytest.mark.parametrize("failing", [1, 99])
    async def test_a_call_that_is_unavailable_is_made_again_within_a_bound(
        self, failing: int
    ) -> None:
        attempts = 0

        async def call(_: Side) -> None:
            nonlocal attempts
            attempts += 1
            if attempts <= failing:
                raise ConnectionError

        partner = CallsPartner("add", [("add", call)], again=(ConnectionError,))

        async def calls(turns: Turns, letter: str, _: list[str]) -> None:
            await partner.act(Side(letter, cast("Any", None), None, turns))

        if failing > 1:
            with pytest.raises(ConnectionError):
                await self.follow("AAAB", calls, self.three)
            assert attempts == MOST_ATTEMPTS
        else:
            turns, _ = await self.follow("AAABBB", calls, self.three)
            assert turns.followed == "AABBB"

    async def test_a_side_that_waits_for_the_other_is_passed_over(self) -> None:
        freed = asyncio.Event()

        async def waits(turns: Turns, letter: str, order: list[str]) -> None:
            async with turns.take(letter, "a lock") as turn:
                turn.blocked = lambda: asyncio.sleep(0, not freed.is_set())
                await freed.wait()
                order.append(letter)

        async def frees(turns: Turns, letter: str, order: list[str]) -> None:
            async with turns.take(letter, "a commit"):
                order.append(letter)
                freed.set()

        turns, order = await self.follow("AB", waits, frees)
        assert turns.followed == "AB"
        assert order == ["B", "A"]


@pytest.mark.verifier
@pytest.mark.filterwarnings(GONE)
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
async def test_some_interleavings_come_to_what_a_serial_order_comes_to(
    verified: OrderWorld, pair: Pair
) -> None:
    report = await verify_pair(verified, pair, PairOptions(words=2 * FEW))
    assert report.interleavings >= FEW
    assert set(report.paths) == set(pair.paths)
    assert not report.failures, tell(report, COMMAND)


@pytest.mark.verifier
@pytest.mark.filterwarnings(GONE)
@pytest.mark.parametrize("trio", TRIOS, ids=lambda trio: trio.name)
async def test_three_at_once_come_to_what_a_serial_order_comes_to(
    verified: OrderWorld, trio: Pair
) -> None:
    report = await verify_pair(verified, trio, PairOptions(words=5 * FEW))
    assert report.interleavings >= FEW
    assert {*"ABC"} in [{*each.result.followed} for each in report.verdicts]
    assert not report.failures, tell(report, COMMAND)


@pytest.mark.verifier
@pytest.mark.filterwarnings(GONE)
@pytest.mark.parametrize("path", [path for path in ExecutionPath if path != "regular"])
@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("place and place, the last pieces", "AABBABABABAB"),
        ("return and return, the same order", "ABABAA"),
    ],
)
async def test_two_meet_between_the_steps_of_a_stretch_and_on_the_fast_path(
    verified: OrderWorld, path: ExecutionPath, name: str, word: str
) -> None:
    report = await verify_pair(verified, pair_of(name), PairOptions(word=word, path=path))
    assert not report.failures, tell(report, COMMAND)
    (met,) = report.verdicts[2:]
    assert met.result.followed.startswith(word[:6])  # what comes later may be refused


@pytest.mark.verifier
@pytest.mark.filterwarnings(GONE)
@pytest.mark.parametrize(
    ("name", "fault", "word"),
    [
        ("place and place, the last pieces", "A charge_payment:payment.charge", "AAABBBBBBAAA"),
        ("return and return, the same order", "A refund_payment:payment.give_back", "ABBBAAA"),
    ],
)
async def test_who_is_refused_for_what_is_undone_later_is_named_and_may_be(
    verified: OrderWorld, name: str, fault: str, word: str
) -> None:
    pair = pair_of(name)
    options = PairOptions(word=word, fault=f"{fault} is rejected")
    report = await verify_pair(verified, pair, options)
    assert [verdict.anomaly for verdict in report.verdicts] == [None, None, Anomaly.DIRTY_READ]
    assert not report.failures
    assert f"a dirty read in 1, which may be: {pair.allows[Anomaly.DIRTY_READ].why}" in tell(
        report, COMMAND
    )
