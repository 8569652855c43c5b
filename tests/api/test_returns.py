"""Returns by REST: accepted once, repeatable, and refused where there is nothing to return."""

import asyncio

import pytest

from contracts.names import return_id, workflow_id
from tests.support.gates import BEFORE
from tests.support.world import World


async def confirmed(world: World) -> tuple[str, str]:
    """A confirmed order: (order id, SKU)."""
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    return order_id, sku


async def ended(world: World, order_id: str) -> None:
    await world.client.get_workflow_handle(return_id(order_id)).result()


async def test_fifty_returns_at_once_are_one(world: World) -> None:
    order_id, sku = await confirmed(world)
    path = f"/v1/orders/{order_id}/return"
    gate = world.gates.close(return_id(order_id), "order.begin_return", BEFORE)
    answers = await asyncio.gather(*(world.http.post(path) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert {answer.headers["location"] for answer in answers} == {f"/v1/orders/{order_id}"}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["links"]["return"] == path
    await gate.open()
    await ended(world, order_id)
    again = await world.http.post(path)
    assert (again.status_code, again.json()["status"]) == (200, "returned")
    await world.settled(order_id, sku, "returned")


async def test_a_pending_order_cannot_be_returned(world: World) -> None:
    sku, order_id = await world.product(), world.next_order_id()
    gate = world.gates.close(workflow_id(order_id), "order.create", BEFORE)
    await world.place(sku)
    answer = await world.http.post(f"/v1/orders/{order_id}/return")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_returnable")
    missing = await world.http.get(f"/v1/orders/{order_id}/return")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_return")
    await gate.open()
    await world.settled(order_id, sku, "confirmed")


async def test_a_rejected_order_cannot_be_returned(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method="pm_card_visa_chargeDeclined")
    order = await world.settled(order_id, sku, "rejected")
    answer = await world.http.post(f"/v1/orders/{order_id}/return")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_returnable")
    assert await world.order(order_id) == order


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unknown_order_is_not_found(world: World, method: str) -> None:
    answer = await world.http.request(method, "/v1/orders/ord_nope/return")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_order")


async def test_the_return_has_a_view_of_its_own_beside_the_orders(world: World) -> None:
    order_id, _ = await confirmed(world)
    placed = await world.rest(f"/v1/orders/{order_id}/saga")
    missing = await world.http.get(f"/v1/orders/{order_id}/return")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_return")
    await world.http.post(f"/v1/orders/{order_id}/return")
    await ended(world, order_id)
    saga = await world.rest(f"/v1/orders/{order_id}/return")
    assert (saga["saga_id"], saga["state"]) == (return_id(order_id), "completed")
    assert [
        (step["name"], step["kind"], step["state"], step["attempts"]) for step in saga["steps"]
    ] == [
        ("begin_return", "compensatable", "done", 1),
        ("refund_payment", "pivot", "done", 1),
        ("restock", "retriable", "done", 1),
        ("mark_returned", "retriable", "done", 1),
    ]
    assert saga["links"]["temporal_ui"].endswith(return_id(order_id))
    assert await world.rest(f"/v1/orders/{order_id}/saga") == placed


async def test_a_cancel_of_an_order_under_return_is_too_late(world: World) -> None:
    order_id, sku = await confirmed(world)
    gate = world.gates.close(return_id(order_id), "order.begin_return", BEFORE)
    await world.http.post(f"/v1/orders/{order_id}/return")
    await gate.wait_reached()
    assert (await world.http.post(f"/v1/orders/{order_id}/cancel")).status_code == 409
    await gate.open()
    await ended(world, order_id)
    await world.settled(order_id, sku, "returned")


async def test_after_an_abandoned_return_its_view_stays_until_the_next_attempt(
    world: World,
) -> None:
    order_id, sku = await confirmed(world)
    gate = world.gates.close(return_id(order_id), "order.begin_return", BEFORE)
    path = f"/v1/orders/{order_id}/return"
    await world.http.post(path)
    await gate.wait_reached()
    handle = world.client.get_workflow_handle(return_id(order_id))
    await handle.execute_update("cancel", {"reason": "kept after all"})
    await handle.result()
    abandoned = await world.rest(path)
    assert (abandoned["state"], abandoned["cause"]) == (
        "compensated",
        "cancelled_by_customer: kept after all",
    )
    await gate.open()
    assert (await world.http.post(path)).status_code == 202
    await world.client.get_workflow_handle(return_id(order_id, 2)).result()
    assert (await world.rest(path))["saga_id"] == return_id(order_id, 2)
    await world.settled(order_id, sku, "returned")


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (b'{"items":[{"sku":"LAMP-1","quantity":1}]}', "/items"),
        (b'{"reason":"too big"}', "/reason"),
        (b"[]", ""),
        (b'"all"', ""),
    ],
)
async def test_what_a_return_does_not_take_is_refused_and_nothing_is_returned(
    world: World, content: bytes, pointer: str
) -> None:
    order_id, _ = await confirmed(world)
    json = {"content-type": "application/json"}
    answer = await world.http.post(f"/v1/orders/{order_id}/return", content=content, headers=json)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text
    assert [fault.get("pointer", "") for fault in answer.json()["errors"]] == [pointer]
    missing = await world.http.get(f"/v1/orders/{order_id}/return")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_return")


@pytest.mark.parametrize("content", [b"", b"{}", b"null"])
async def test_a_return_takes_an_empty_body(world: World, content: bytes) -> None:
    order_id, sku = await confirmed(world)
    json = {"content-type": "application/json"}
    answer = await world.http.post(f"/v1/orders/{order_id}/return", content=content, headers=json)
    assert answer.status_code in {200, 202}, answer.text
    await ended(world, order_id)
    await world.settled(order_id, sku, "returned")
