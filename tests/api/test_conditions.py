"""ETag, If-None-Match and If-Match on orders."""

import pytest

from contracts.names import workflow_id
from tests.support.gates import BEFORE
from tests.support.world import World


async def confirmed(world: World) -> tuple[str, str, int]:
    """A confirmed order: (path, SKU, version)."""
    sku = await world.product()
    order_id = await world.place(sku)
    order = await world.settled(order_id, sku, "confirmed")
    return f"/v1/orders/{order_id}", sku, order.version


async def test_an_orders_tag_is_strong_and_made_of_its_version(world: World) -> None:
    path, _, version = await confirmed(world)
    answer = await world.http.get(path)
    assert answer.headers["etag"] == f'"{version}"'
    assert answer.json()["version"] == version


@pytest.mark.parametrize("given", ['"{}"', 'W/"{}"', '"x", "{}"', '"a,b","{}"', "*", " * "])
async def test_what_the_caller_has_is_not_sent_again(world: World, given: str) -> None:
    path, _, version = await confirmed(world)
    answer = await world.http.get(path, headers={"If-None-Match": given.format(version)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == f'"{version}"'


@pytest.mark.parametrize("given", ['"1"', '"30"', "{}", "", '"{}', 'x"{}', '"a{}"'])
async def test_what_the_caller_does_not_have_is_sent(world: World, given: str) -> None:
    path, _, version = await confirmed(world)
    answer = await world.http.get(path, headers={"If-None-Match": given.format(version)})
    assert (answer.status_code, answer.json()["version"]) == (200, version)


async def test_the_tag_changes_with_the_order(world: World) -> None:
    sku, order_id = await world.product(), world.next_order_id()
    gate = world.gates.close(workflow_id(order_id), "order.create", BEFORE)
    await world.place(sku)
    await gate.wait_reached()
    path = f"/v1/orders/{order_id}"
    accepted = await world.http.get(path)
    same = await world.http.get(path, headers={"If-None-Match": accepted.headers["etag"]})
    assert (accepted.headers["etag"], same.status_code) == ('"0"', 304)
    await gate.open()
    await world.settled(order_id, sku, "confirmed")
    now = await world.http.get(path, headers={"If-None-Match": accepted.headers["etag"]})
    assert (now.status_code, now.json()["status"]) == (200, "confirmed")


@pytest.mark.parametrize("given", ['"1"', 'W/"{}"', '"x"', "{}", ""])
@pytest.mark.parametrize("what", ["cancel", "return"])
async def test_a_stale_condition_is_refused_and_nothing_is_done(
    world: World, what: str, given: str
) -> None:
    path, _, version = await confirmed(world)
    headers = {"If-Match": given.format(version)}
    answer = await world.http.post(f"{path}/{what}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")
    assert answer.headers["etag"] == f'"{version}"'
    assert (await world.rest(path))["version"] == version
    assert (await world.http.get(f"{path}/return")).status_code == 404


@pytest.mark.parametrize("given", ['"{}"', "*", '"x", "{}"'])
async def test_a_condition_that_holds_lets_the_return_begin(world: World, given: str) -> None:
    path, sku, version = await confirmed(world)
    answer = await world.http.post(f"{path}/return", headers={"If-Match": given.format(version)})
    assert answer.status_code == 202
    saga_id = (await world.rest(f"{path}/return"))["saga_id"]
    await world.client.get_workflow_handle(saga_id).result()
    await world.settled(path.rsplit("/", 1)[1], sku, "returned")


async def test_a_condition_that_holds_lets_the_cancel_begin(world: World) -> None:
    order_id, sku, gate = await world.stopped_at("payment.charge", BEFORE)
    path = f"/v1/orders/{order_id}"
    tag = (await world.http.get(path)).headers["etag"]
    answer = await world.http.post(f"{path}/cancel", headers={"If-Match": tag})
    assert answer.status_code in {200, 202}
    await gate.open()
    await world.settled(order_id, sku, "cancelled")
