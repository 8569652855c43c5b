"""Percentiles, medians and slopes are what the textbook says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.stats import Latency, Spread, percentile, slope

VALUES = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=300)


def test_percentiles_are_nearest_rank() -> None:
    values = [15.0, 20.0, 35.0, 40.0, 50.0]
    assert [percentile(values, item) for item in (5, 30, 40, 50, 100)] == [15, 20, 20, 35, 50]


@given(VALUES, st.floats(min_value=0.1, max_value=100))
def test_a_percentile_was_measured_and_covers_its_share(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share / 100 * len(values) - 1e-9
    assert sum(value < found for value in values) < share / 100 * len(values)


@pytest.mark.parametrize("share", [0, -1, 100.1])
def test_there_is_no_such_percentile(share: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile([1.0], share)


def test_nothing_measured_is_no_number() -> None:
    with pytest.raises(ValueError, match="percentile"):
        Latency.of([])
    with pytest.raises(ValueError, match="median"):
        Spread.of([])


def test_latencies_are_told_in_milliseconds() -> None:
    found = Latency.of([number / 1000 for number in range(1, 101)])
    assert (found.p50, found.p95, found.p99, found.count) == (50, 95, 99, 100)


def test_a_spread_is_the_median_and_the_extremes() -> None:
    assert Spread.of([3, 9, 1, 5]) == Spread(median=4, low=1, high=9, rounds=4)


def test_a_slope_is_growth_per_unit_of_time() -> None:
    assert slope([0, 1, 2, 3], [10, 12, 14, 16]) == pytest.approx(2)
    assert slope([0, 10, 20], [7, 7, 7]) == pytest.approx(0)
