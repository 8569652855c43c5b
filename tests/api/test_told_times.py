"""Times are told in one form, and the `created_at` of an order is the same in every answer."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from api.orders.place_order import order_id_for
from cli.orders.order_as_of import past
from contracts.base import format_time
from contracts.names import workflow_id
from tests.api.test_orders import body_of, post
from tests.support.gates import BEFORE
from tests.support.tokens import OPERATOR
from tests.support.world import World

TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
ONE_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def list_times(told: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every text in an answer that is a moment, and where it is."""
    if isinstance(told, dict):
        for name, value in told.items():
            yield from list_times(value, f"{where}/{name}")
    elif isinstance(told, list):
        for value in told:
            yield from list_times(value, f"{where}/*")
    elif isinstance(told, str) and TIME.match(told):
        yield where, told


def test_a_moment_is_told_in_utc_to_the_microsecond() -> None:
    at = datetime(2026, 1, 31, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    assert format_time(at) == "2026-01-31T12:00:00.000000Z"
    assert format_time(datetime(2026, 1, 31, 12, 0, 0, 250000, UTC)).endswith("00.250000Z")


async def test_created_at_is_the_same_in_every_answer(world: World) -> None:
    sku, key = await world.product(), uuid4().hex
    order_id = order_id_for(OPERATOR, key)
    gate = world.gates.close(workflow_id(order_id), "order.create", BEFORE)
    body = await body_of(world, sku)
    answers = [(await post(world, key, body)).json()]
    await gate.wait_reached()
    path = f"/v1/orders/{order_id}"
    answers += [await world.rest(path), (await post(world, key, body)).json()]
    await gate.open()
    await world.settled(order_id, sku, "confirmed")
    listed = await world.rest_items(f"/v1/orders?customer_id={body['customer_id']}")
    events = await world.rest_items(f"{path}/events")
    answers += [await world.rest(path), (await post(world, key, body)).json(), *listed]
    answers += [past(events, order_id, "1"), past(events, order_id, "3")]
    answers.append((await world.http.post(f"{path}/return")).json())
    assert {answer["created_at"] for answer in answers} == {answers[0]["created_at"]}
    assert len(answers) == 9
    assert events[0]["data"]["accepted_at"] == answers[0]["created_at"]


async def test_all_times_are_told_in_one_form(world: World) -> None:
    sku, user = await world.product(), await world.user()
    order_id = await world.place(sku, user=user)
    await world.settled(order_id, sku, "confirmed")
    path = f"/v1/orders/{order_id}"
    hook = {"customer_id": user, "url": "https://shop.example/hooks"}
    (await world.http.post("/v1/webhooks", json=hook)).raise_for_status()
    saga_id = workflow_id(order_id)
    asked = [path, f"{path}/saga", f"{path}/story", f"{path}/events", "/v1/orders?limit=5"]
    asked += [f"/v1/users/{user}", f"/v1/sagas/{saga_id}/records", f"/v1/payments/{order_id}"]
    asked += ["/v1/sagas?attention=true&late=0", "/v1/sagas?state=completed&limit=5"]
    asked += ["/v1/events?limit=5", "/v1/webhooks", "/v1/exposure"]
    found = [time for each in asked for time in list_times(await world.rest(each), each)]
    assert [(where, told) for where, told in found if not ONE_FORM.fullmatch(told)] == []
    names = {where.rpartition("/")[2] for where, _ in found}
    assert names >= {"created_at", "updated_at", "started_at", "finished_at", "recorded_at"}
