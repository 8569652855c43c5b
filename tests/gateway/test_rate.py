"""The rate limit: one bucket a caller, and no way around it. Counted by the time that passed."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from tests.gateway.edge import Edge, edge
from tests.support.tokens import bearer
from tests.support.wire import Answer, request

BURST, PER_SECOND, TRIES = 8, 1, 24
NOBODY = {"Authorization": "Bearer no.such.token"}


@pytest_asyncio.fixture(scope="module")
async def narrow(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    limits = {"GATEWAY_RATE_BURST": str(BURST), "GATEWAY_RATE_PER_SECOND": str(PER_SECOND)}
    async with edge(tmp_path_factory.mktemp("narrow"), limits) as running:
        yield running


def spoofed(n: int) -> dict[str, str]:
    """Every header by which somebody may claim to be somebody else."""
    names = (
        *(
            "X-Forwarded-For",
            "X-Real-IP",
            "X-Client-IP",
            "True-Client-IP",
            "X-Envoy-External-Address",
        ),
        *(
            "X-Gateway-Caller",
            "X-Gateway-Issuer",
            "x-gateway-CALLER",
            "X-User-Id",
            "X-Forwarded-User",
        ),
    )
    address = f"203.0.113.{n}"
    return {
        **dict.fromkeys(names, address),
        "Forwarded": f"for={address}",
        "X-Request-Id": f"other-{n}",
        "User-Agent": f"other/{n}",
        "Cookie": f"session={n}",
    }


async def passed_of(edge: Edge, requests: Sequence[bytes], allowed: int = BURST) -> list[Answer]:
    """Send each on a connection of its own, all at once; no more may pass than the bucket gave."""
    begin = time.monotonic()
    answers = await asyncio.gather(*(edge.ask(item) for item in requests))
    gained = int((time.monotonic() - begin) * PER_SECOND) + 1
    passed = [answer for answer in answers if answer.status != 429]
    assert len(passed) <= allowed + gained, [answer.status for answer in answers]
    assert any(answer.status == 429 for answer in answers)
    return passed


async def test_a_refusal_says_when_to_come_again(narrow: Edge) -> None:
    me = bearer("usr_told", "customer")
    answers = [await narrow.ask(request("GET", "/v1/orders", me)) for _ in range(BURST + 6)]
    first = answers[0]
    assert (first.status, first.headers["x-ratelimit-limit"]) == (200, str(BURST))
    assert first.headers["x-ratelimit-remaining"] == str(BURST - 1)
    last = next(answer for answer in answers if answer.status == 429)
    assert last.problem()["code"] == "rate_limited"
    assert int(last.headers["retry-after"]) >= 1
    assert last.headers["x-ratelimit-remaining"] == "0"


async def test_who_waits_as_told_passes(narrow: Edge) -> None:
    me = bearer("usr_patient", "customer")
    last = await narrow.ask(request("GET", "/v1/orders", me))
    while last.status != 429:
        last = await narrow.ask(request("GET", "/v1/orders", me))
    await asyncio.sleep(int(last.headers["retry-after"]))  # what is being tested
    again = await narrow.ask(request("GET", "/v1/orders", me))
    assert again.status == 200


async def test_spoofed_headers_do_not_make_another_caller(narrow: Edge) -> None:
    me = bearer("usr_spoofer", "customer")
    tries = [request("GET", "/v1/orders", {**me, **spoofed(n)}) for n in range(TRIES)]
    assert await passed_of(narrow, tries)


async def test_spoofed_headers_do_not_make_another_address(narrow: Edge) -> None:
    """Without a good token, the peer's address counts: on public routes, and for refusals."""
    tries = [request("GET", "/health/live", {**spoofed(n), **NOBODY}) for n in range(TRIES)]
    passed = await passed_of(narrow, tries)
    guesses = [request("GET", "/v1/orders", {**NOBODY, **spoofed(n)}) for n in range(TRIES)]
    await passed_of(narrow, guesses, allowed=max(0, BURST - len(passed)))


async def test_case_slashes_and_dots_do_not_make_another_bucket(narrow: Edge) -> None:
    me = bearer("usr_variants", "customer")
    paths = (
        *("/v1/orders", "/V1/orders", "/v1/ORDERS", "/v1/orders/", "//v1/orders", "/v1//orders"),
        *("/v1/./orders", "/v1/x/../orders", "/%761/orders", "/v1/orders?a=1", "/v1/orders?b=2"),
        *("/health/live", "/docs", "/nowhere"),
    )
    await passed_of(narrow, [request("GET", path, me) for path in paths * 2])


async def test_methods_and_tokens_do_not_make_another_bucket(narrow: Edge) -> None:
    tries = [
        request(method, "/v1/orders", bearer("usr_methods", scope))
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
        for scope in ("customer", "service", "operator", "other")
    ]
    await passed_of(narrow, tries)


async def test_one_kept_connection_and_many_have_the_same_bucket(narrow: Edge) -> None:
    me = bearer("usr_connections", "customer")
    passed = await passed_of(narrow, [request("GET", "/v1/orders", me)] * TRIES)
    async with narrow.connection() as connection:
        begin = time.monotonic()
        statuses = []
        for _ in range(TRIES):
            await connection.send(request("GET", "/v1/orders", me))
            statuses.append((await connection.answer()).status)
        gained = int(time.monotonic() - begin) + 2
    assert statuses.count(200) <= max(0, BURST - len(passed)) + gained


async def test_one_caller_does_not_use_up_anothers(narrow: Edge) -> None:
    loud = bearer("usr_loud", "customer")
    await passed_of(narrow, [request("GET", "/v1/orders", loud)] * TRIES)
    quiet = bearer("usr_quiet", "customer")
    assert (await narrow.ask(request("GET", "/v1/orders", quiet))).status == 200


async def test_a_subject_that_looks_like_an_address_is_not_that_address(narrow: Edge) -> None:
    me = bearer("127.0.0.1", "customer")
    assert (await narrow.ask(request("GET", "/v1/orders", me))).status == 200
