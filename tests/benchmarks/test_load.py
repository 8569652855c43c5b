"""The load does what it says: so many at once, or by the schedule, whatever is slow."""

import asyncio

import pytest

from benchmarks import load
from benchmarks.rounds import interleave


class Queued:
    """Serves one at a time, each for `takes` seconds; remembers how many were there at once."""

    def __init__(self, takes: float) -> None:
        self._takes = takes
        self._turn = asyncio.Lock()
        self.inside = 0
        self.most = 0
        self.done = 0

    async def __call__(self) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        async with self._turn:
            await asyncio.sleep(self._takes)
        self.inside -= 1
        self.done += 1


async def test_an_open_loop_counts_the_wait_for_a_slow_one() -> None:
    sample = await load.run_by_schedule(Queued(0.1), [0.0, 0.01, 0.02, 0.03])
    # Served at 0.1, 0.2, 0.3 and 0.4: a closed loop would have said 0.1 for each.
    for latency, (served, arrival) in zip(
        sample.latencies, [(0.1, 0.0), (0.2, 0.01), (0.3, 0.02), (0.4, 0.03)], strict=True
    ):
        assert latency >= served - arrival - 0.005


async def test_an_open_loop_counts_from_the_intended_start_when_it_is_late_itself() -> None:
    async def blocking() -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + 0.1
        while loop.time() < until:
            pass  # nobody else can start meanwhile, the harness neither

    sample = await load.run_by_schedule(blocking, [0.0, 0.001])
    assert max(sample.latencies) >= 0.19


async def test_an_open_loop_does_not_start_early() -> None:
    queued = Queued(0)
    sample = await load.run_by_schedule(queued, [0.0, 0.2])
    assert sample.seconds >= 0.2
    assert queued.most == 1


async def test_a_closed_loop_keeps_so_many_at_once() -> None:
    queued = Queued(0.01)
    sample = await load.run_closed_loop(queued, at_once=3, warmup=0.05, seconds=0.2)
    assert queued.most == 3
    assert 0 < len(sample.latencies) < queued.done  # the warm-up and the last ones do not count
    assert sample.rate == pytest.approx(len(sample.latencies) / 0.2)
    assert sample.rate <= 105  # one each hundredth of a second


async def test_one_alone_is_never_two() -> None:
    queued = Queued(0.001)
    sample = await load.run_alone(queued, warmup=2, count=5)
    assert (queued.most, queued.done, len(sample.latencies)) == (1, 7, 5)


@pytest.mark.parametrize("how", ["closed", "alone", "by_schedule"])
async def test_a_failure_is_no_speed(how: str) -> None:
    async def failing() -> None:
        raise RuntimeError("declined")

    loads = {
        "closed": lambda: load.run_closed_loop(failing, at_once=2, warmup=0, seconds=0.1),
        "alone": lambda: load.run_alone(failing, warmup=0, count=1),
        "by_schedule": lambda: load.run_by_schedule(failing, [0.0]),
    }
    with pytest.raises((RuntimeError, ExceptionGroup)) as caught:
        await loads[how]()
    assert "declined" in repr(caught.value)


def test_arrivals_are_as_many_as_asked_for_and_the_same_again() -> None:
    found = load.draw_arrivals(rate=50, seconds=100, seed=1)
    assert found == sorted(found) == load.draw_arrivals(rate=50, seconds=100, seed=1)
    assert found[0] > 0
    assert found[-1] < 100
    assert len(found) == pytest.approx(5000, rel=0.05)
    assert found != load.draw_arrivals(rate=50, seconds=100, seed=2)


def test_every_subject_has_one_turn_a_round_and_each_begins_one() -> None:
    turns = list(interleave("abc", 4))
    assert [subject for _, subject in turns] == [*"abc", *"bca", *"cab", *"abc"]
    assert [number for number, _ in turns] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert list(interleave("", 2)) == []
