"""The real API behind the gateway: an order, and the same answers on both ways."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from api.http.limits import MAX_BODY, MAX_HEADERS
from api.http.prefer import LONGEST_WAIT
from infrastructure.envoy import filters
from infrastructure.envoy import gateway as limits
from infrastructure.envoy.settings import GatewaySettings
from tests.gateway.edge import AMPLE, Edge, edge
from tests.support.tokens import bearer
from tests.support.wire import Served, request, serve
from tests.support.world import World, api_app


@pytest_asyncio.fixture(scope="module")
async def api(world: World) -> AsyncIterator[Served]:
    async with serve(api_app(world.client, world.services)) as serving:
        yield serving


@pytest_asyncio.fixture(scope="module")
async def front(api: Served, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    async with edge(tmp_path_factory.mktemp("front"), AMPLE, api=api.port) as running:
        yield running


async def test_an_order_is_placed_and_read_through_the_gateway(world: World, front: Edge) -> None:
    user, sku = await world.user(), await world.product()
    body = (
        f'{{"customer_id":"{user}","items":[{{"sku":"{sku}","quantity":2}}],'
        '"payment_method":"pm_card_visa"}'
    )
    headers = {
        **bearer(user, "customer"),
        "Content-Type": "application/json",
        "Idempotency-Key": f"gateway-{user}",
        "Prefer": "wait=20",
    }
    placed = await front.ask(request("POST", "/v1/orders", headers, body.encode()))
    assert placed.status == 201, placed
    path = placed.headers["location"]
    read = await front.ask(request("GET", path, bearer(user, "customer")))
    assert b'"confirmed"' in read.body
    foreign = await front.ask(request("GET", path, bearer("usr_other", "customer")))
    assert foreign.status == 404


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/v1/orders", {"Authorization": ""}),
        ("GET", "/v1/orders", {"Authorization": "Bearer nonsense"}),
        ("GET", "/nowhere", {}),
        ("POST", "/v1/orders", {"X-Big": "a" * 30_000}),
    ],
)
async def test_the_gateways_refusals_are_the_apis(
    api: Served, front: Edge, method: str, path: str, headers: dict[str, str]
) -> None:
    direct = await api.ask(request(method, path, headers))
    through = await front.ask(request(method, path, headers))
    ours, theirs = direct.problem(), through.problem()
    assert ours.keys() == theirs.keys()
    assert [ours[name] for name in ("status", "code", "title")] == [
        theirs[name] for name in ("status", "code", "title")
    ]
    assert ("www-authenticate" in direct.headers) == ("www-authenticate" in through.headers)


async def test_a_token_that_the_edge_takes_is_judged_again_behind(front: Edge) -> None:
    """Its signature is good, and its scope does not reach."""
    answer = await front.ask(request("GET", "/v1/sagas", bearer("usr_1", "customer")))
    assert (answer.status, answer.problem()["code"]) == (403, "insufficient_scope")


def test_the_bounds_fit_those_of_the_api() -> None:
    assert filters.MAX_BODY == MAX_BODY
    assert limits.MAX_HEADERS == MAX_HEADERS
    longest = LONGEST_WAIT.total_seconds()
    assert GatewaySettings().write_timeout > longest
    assert longest < limits.IDLE
