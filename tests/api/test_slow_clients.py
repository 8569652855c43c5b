"""Two hundred slow clients and a body of a gigabyte: ordinary requests are served beside them."""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
import pytest_asyncio

from tests.support.api_process import ApiProcess, running_api_process
from tests.support.tokens import bearer
from tests.support.world import World

MEBIBYTE = 2**20
RATE = 100  # ordinary requests a second
ROUND = 12.0  # seconds; longer than it takes until slow clients are cut off
ROUNDS = 5


@pytest_asyncio.fixture(scope="module")
async def api(world: World, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApiProcess]:
    async with running_api_process(world, tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def path(world: World) -> str:
    """What is asked for."""
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    return f"/v1/orders/{order_id}"


@asynccontextmanager
async def slow_clients(port: int) -> AsyncIterator[None]:
    """Two hundred, and one who sends a gigabyte."""
    attack = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.slow_clients", str(port)),
        *("--token", bearer()["Authorization"]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert attack.stdout is not None
    assert attack.stdin is not None
    try:
        async with asyncio.timeout(30):
            assert await attack.stdout.readline() == b"ready\n"
        yield
    finally:
        attack.stdin.close()
        await attack.wait()


async def latencies(http: httpx2.AsyncClient, path: str, seconds: float) -> list[float]:
    """Of requests that come at their rate, whether those before were answered or not."""

    async def one(due: float) -> float:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        answer = await http.get(path)
        assert answer.status_code == 200, answer.text
        return time.perf_counter() - due

    start = time.perf_counter()
    return await asyncio.gather(*(one(start + n / RATE) for n in range(int(seconds * RATE))))


def p99(found: list[float]) -> float:
    """Milliseconds."""
    return statistics.quantiles(found, n=100)[98] * 1000


async def test_ordinary_requests_are_answered_beside_slow_clients_in_little_memory(
    api: ApiProcess, path: str
) -> None:
    async with api.client() as http:
        await latencies(http, path, 2)
        before = api.memory
        async with slow_clients(api.port):
            await latencies(http, path, ROUND)
            assert api.memory - before < 20 * MEBIBYTE
        assert api.runner.restarts == 0


@pytest.mark.timing
async def test_the_p99_of_ordinary_requests_stays_within_twice_its_baseline(
    api: ApiProcess, path: str
) -> None:
    quiet: list[float] = []
    attacked: list[float] = []
    async with api.client() as http:
        await latencies(http, path, 3)  # connections, caches
        before = api.memory
        for number in range(ROUNDS):
            quiet += await latencies(http, path, ROUND)
            async with slow_clients(api.port):
                attacked += await latencies(http, path, ROUND)
                grown = (api.memory - before) / MEBIBYTE
            print(
                f"\nround {number + 1}: p50 {statistics.median(quiet) * 1000:.1f} ms alone,"
                f" {statistics.median(attacked) * 1000:.1f} ms attacked;"
                f" p99 {p99(quiet):.1f} and {p99(attacked):.1f} ms; memory +{grown:.1f} MiB"
            )
            assert grown < 20
    ratio = p99(attacked) / p99(quiet)
    print(f"p99 {p99(attacked):.1f} ms beside slow clients, {p99(quiet):.1f} alone: {ratio:.2f}")
    assert ratio <= 2
