"""The arithmetic of the harness: medians with their spread, percentiles, slopes."""

import math
from collections.abc import Sequence
from statistics import linear_regression, median

from pydantic import BaseModel


class Spread(BaseModel, frozen=True):
    """A value of several rounds: the median, and the lowest and the highest."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of one value a round. ValueError if there is none."""
        if not values:
            raise ValueError("no round, no median")
        return cls(median=median(values), low=min(values), high=max(values), rounds=len(values))


class Latency(BaseModel, frozen=True):
    """Percentiles of how long a saga took, in milliseconds."""

    p50: float
    p95: float
    p99: float
    count: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Latency":
        """Of latencies in seconds."""
        p50, p95, p99 = (1000 * percentile(seconds, percent) for percent in (50, 95, 99))
        return cls(p50=p50, p95=p95, p99=p99, count=len(seconds))


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that at least `percent` of them do not exceed (nearest rank).

    It is always a value that was measured; nothing is interpolated. ValueError if there is none.
    """
    if not values:
        raise ValueError("no value, no percentile")
    if not 0 < percent <= 100:
        raise ValueError("a percentile is above 0 and at most 100")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[rank - 1]


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """By how much the values grow per unit of time (least squares)."""
    return linear_regression(times, values).slope


def ratio(above: float, below: float) -> float:
    """How many times `below` goes into `above`; infinite where there is nothing below."""
    return above / below if below else math.inf
