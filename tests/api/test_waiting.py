"""One round trip: with `Prefer: wait`, placing an order answers with how it ended."""

import asyncio
import json
import time
from uuid import uuid4

import pytest
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.http.prefer import LONGEST_WAIT, wait_of
from api.orders.live_events import EventBroadcaster
from api.orders.place_order import order_id_for
from api.orders.waiting import wait_until_settled
from api.temporal.saga_gateway import OrderSagas
from contracts.names import workflow_id
from tests.support.gates import BEFORE
from tests.support.ports import free_port
from tests.support.tokens import OPERATOR
from tests.support.waiting import until
from tests.support.wire import request, serve
from tests.support.world import World, api_app


async def body_of(world: World, sku: str, method: str = "pm_card_visa") -> dict[str, object]:
    items = [{"sku": sku, "quantity": 1}]
    return {"customer_id": await world.user(), "items": items, "payment_method": method}


def headers(key: str, prefer: str) -> dict[str, str]:
    return {"Idempotency-Key": key, "Prefer": prefer}


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (["wait=10"], 10),
        (["WAIT = 10"], 10),
        (['wait="10"'], 10),
        (["respond-async, wait=10; foo=bar"], 10),
        (["handling=lenient", "wait=10"], 10),
        (['x="a, wait=3", wait=10'], 10),
        (["wait=10, wait=20"], 10),
        (["wait=0"], 0),
        (["wait=999999999"], LONGEST_WAIT.seconds),
        (["wait=99999999999999999999"], None),
        (["wait"], None),
        (["wait="], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=soon, wait=5"], None),
        (["await=5"], None),
        (["respond-async"], None),
        (["=,;\"'"], None),
        ([], None),
    ],
)
def test_a_preference_to_wait_is_understood_and_a_malformed_one_ignored(
    prefer: list[str], seconds: int | None
) -> None:
    assert wait_of(prefer) == seconds


async def test_a_confirmed_order_is_answered_in_one_round_trip(world: World) -> None:
    sku, key = await world.product(), uuid4().hex
    body = await body_of(world, sku)
    answer = await world.http.post("/v1/orders", json=body, headers=headers(key, "wait=30"))
    assert answer.status_code == 201
    assert answer.headers["preference-applied"] == "wait=30"
    assert answer.json() == await world.rest(answer.headers["location"])
    assert answer.json()["status"] == "confirmed"
    again = await world.http.post("/v1/orders", json=body, headers=headers(key, "wait=30"))
    assert (again.status_code, again.content) == (201, answer.content)
    assert again.headers["idempotent-replayed"] == "true"
    await world.settled(answer.json()["id"], sku, "confirmed")


async def test_a_rejected_order_is_answered_200_with_its_reason(world: World) -> None:
    sku = await world.product()
    body = await body_of(world, sku, "pm_card_visa_chargeDeclined")
    answer = await world.http.post("/v1/orders", json=body, headers=headers(uuid4().hex, "wait=30"))
    assert (answer.status_code, answer.json()["status"]) == (200, "rejected")
    assert answer.json()["reason"]["code"] == "generic_decline"
    await world.settled(answer.json()["id"], sku, "rejected")


async def test_what_is_not_done_in_time_is_202_and_the_same_request_waits_on(world: World) -> None:
    sku, key = await world.product(), uuid4().hex
    body = await body_of(world, sku)
    gate = world.gates.close(workflow_id(order_id_for(OPERATOR, key)), "payment.charge", BEFORE)
    answer = await world.http.post("/v1/orders", json=body, headers=headers(key, "wait=1"))
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert answer.headers["location"] == f"/v1/orders/{answer.json()['id']}"
    assert int(answer.headers["retry-after"]) >= 1
    more = world.http.post("/v1/orders", json=body, headers=headers(key, "wait=30"))
    waiting = asyncio.create_task(more)
    await gate.wait_reached()
    await gate.open()
    assert (await waiting).status_code == 201
    await world.settled(answer.json()["id"], sku, "confirmed")


async def test_without_a_preference_the_answer_does_not_wait(world: World) -> None:
    sku, key = await world.product(), uuid4().hex
    gate = world.gates.close(workflow_id(order_id_for(OPERATOR, key)), "order.create", BEFORE)
    body = await body_of(world, sku)
    for prefer in ("", "wait=soon", "respond-async"):
        answer = await world.http.post("/v1/orders", json=body, headers=headers(key, prefer))
        assert (answer.status_code, answer.json()["version"]) == (202, 0)
        assert "preference-applied" not in answer.headers
        assert int(answer.headers["retry-after"]) >= 1
    await gate.wait_reached()
    await gate.open()
    await world.settled(answer.json()["id"], sku, "confirmed")


async def test_a_client_that_hangs_up_changes_nothing(world: World) -> None:
    sku, key = await world.product(), uuid4().hex
    order_id = order_id_for(OPERATOR, key)
    gate = world.gates.close(workflow_id(order_id), "payment.charge", BEFORE)
    fields = headers(key, "wait=30") | {"Content-Type": "application/json"}
    body = json.dumps(await body_of(world, sku)).encode()
    app = api_app(world.client, world.services)
    async with serve(app) as api:
        async with api.connection() as connection:
            await connection.send(request("POST", "/v1/orders", fields, body))
            await gate.wait_reached()
            assert waiting(app) == 1
        await until(lambda: nobody_waits(app))  # its long poll has ended with it
        await gate.open()
        await world.settled(order_id, sku, "confirmed")


async def test_when_temporal_is_lost_meanwhile_the_answer_is_that_it_was_accepted(
    world: World,
) -> None:
    sku, key = await world.product(), uuid4().hex
    body = await body_of(world, sku)
    first = await world.http.post("/v1/orders", json=body, headers={"Idempotency-Key": key})
    order = await world.settled(first.json()["id"], sku, "confirmed")
    nowhere = await Client.connect(
        f"127.0.0.1:{free_port()}", lazy=True, data_converter=pydantic_data_converter
    )
    async with serve(api_app(nowhere, world.services)) as api:
        fields = headers(key, "wait=30") | {"Content-Type": "application/json"}
        began = time.monotonic()
        answer = await api.ask(request("POST", "/v1/orders", fields, json.dumps(body).encode()))
    assert time.monotonic() - began < 30
    assert (answer.status, json.loads(answer.body)["version"]) == (201, order.version)


def waiting(app: FastAPI) -> int:
    """How many requests wait for an order's end."""
    return int(app.state.backend.waiting.in_use)


async def nobody_waits(app: FastAPI) -> bool:
    return waiting(app) == 0


async def test_an_order_that_waits_for_its_customer_is_answered_with_what_there_is_to_do(
    world: World,
) -> None:
    sku = await world.product()
    body = await body_of(world, sku, "pm_card_authenticationRequired")
    placing = headers(uuid4().hex, "wait=30")
    answer = await world.http.post("/v1/orders", json=body, headers=placing)
    order_id = answer.json()["id"]
    broadcaster = EventBroadcaster(world.services.orders)
    async with asyncio.timeout(60), broadcaster.running():  # the customer has fifteen minutes
        sagas = OrderSagas(world.client, fast_path=True)
        await wait_until_settled(order_id, sagas, broadcaster)
    answer = await world.http.post("/v1/orders", json=body, headers=placing)
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    told = answer.json()["next_action"]
    assert (told["type"], "/authenticate/pi_" in told["url"]) == ("authenticate", True)
    assert (await world.http.post(f"{answer.headers['location']}/cancel")).status_code < 300
    await world.settled(order_id, sku, "cancelled")
