"""Kill -9 of workers, API, Temporal's server and both PostgreSQL servers, during 100 orders."""

from pathlib import Path

import pytest

from tests.chaos.test_chaos import Storm, survives
from tests.temporal_postgres.running import Served, stack_on

CHAOS = Storm(orders=100, each=2, kinds=("worker", "api", "postgres", "temporal", "temporal-db"))

pytestmark = pytest.mark.temporal_postgres


async def test_nothing_is_lost_or_doubled_when_anything_is_killed(
    served: Served, tmp_path: Path
) -> None:
    async with stack_on(served, tmp_path) as stack:  # its books are compared to the last cent
        await survives(stack, CHAOS)
