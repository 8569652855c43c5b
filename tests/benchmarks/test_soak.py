"""A soak tells growth by its second half, when everything that fills up once is full."""

import pytest

from benchmarks.soak import Slice, slopes
from benchmarks.stats import Latency

QUICK = Latency(p50=1, p95=1, p99=1, count=1)


def slices(memory: list[float]) -> list[Slice]:
    return [
        Slice(minutes=minutes, latency=QUICK, memory={"api": value})
        for minutes, value in enumerate(memory, start=1)
    ]


def test_what_fills_up_at_first_and_then_stays_is_flat() -> None:
    assert slopes(slices([10, 50, 90, 100, 100, 100, 100, 100]))["api"] == pytest.approx(0)


def test_what_goes_on_growing_is_told_per_minute() -> None:
    assert slopes(slices([10, 12, 14, 16, 18, 20, 22, 24]))["api"] == pytest.approx(2)
