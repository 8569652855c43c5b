"""Live events over real sockets: whole, in order, once; resumed by id; and when a stream ends."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from api.http.h11_protocol import TimeLimitedH11Protocol
from api.http.sse import HEARTBEAT, EventStream
from api.security.authentication import Scope
from contracts.names import ORDER_EVENTS, workflow_id
from contracts.orders import StepNote
from infrastructure.postgres.notify import NotificationListener
from saga.participant import StepKey
from tests.support.gates import BEFORE
from tests.support.sse import stream
from tests.support.tokens import AUDIENCE, ISSUER, OPERATOR, bearer
from tests.support.waiting import until
from tests.support.wire import Served, Serving, request, serve
from tests.support.world import World, api_app

LIFE = ["OrderPlaced", "ItemAdded", "OrderConfirmed"]
EVERYTHING = "/v1/events"


@asynccontextmanager
async def serving(
    world: World, *, wire: type[TimeLimitedH11Protocol] = TimeLimitedH11Protocol, **options: Any
) -> AsyncIterator[Serving]:
    notifications = NotificationListener(world.databases.order_database_url, ORDER_EVENTS)
    app = api_app(world.client, world.services, notifications=notifications, **options)
    async with serve(app, http=wire) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def api(world: World) -> AsyncIterator[Serving]:
    async with serving(world) as running:
        yield running


async def confirmed(world: World, **options: Any) -> str:
    sku = await world.product()
    order_id = await world.place(sku, **options)
    await world.settled(order_id, sku, "confirmed")
    return order_id


async def test_a_stream_tells_what_the_list_tells(world: World, api: Served) -> None:
    user = await world.user()
    order_id = await confirmed(world, user=user)
    path = f"/v1/orders/{order_id}/events"
    for headers in (bearer(), bearer(user, Scope.CUSTOMER)):
        listed = (await world.http.get(path, headers=headers)).json()["items"]
        async with stream(api.port, path, headers=headers) as live:
            assert live.headers["cache-control"] == "no-store"
            told = await live.take(3)
        assert [line.data for line in told] == listed
        assert [line.id for line in told] == ["1", "2", "3"]
        assert [line.type for line in told] == LIFE


async def test_an_order_is_followed_from_before_its_record_to_its_end(
    world: World, api: Served
) -> None:
    order_id = world.next_order_id()
    recording = world.gates.close(workflow_id(order_id), "order.create", BEFORE)
    confirming = world.gates.close(workflow_id(order_id), "order.confirm", BEFORE)
    await world.place(await world.product())
    await recording.wait_reached()
    async with stream(api.port, f"/v1/orders/{order_id}/events") as live:
        taking = asyncio.create_task(live.take(3))
        await recording.open()
        await confirming.wait_reached()
        assert not taking.done()
        await confirming.open()
        assert [(item.id, item.type) for item in await taking] == list(
            zip("123", LIFE, strict=True)
        )


async def test_a_client_that_comes_back_goes_on_behind_the_last_id(
    world: World, api: Served
) -> None:
    order_id, _, gate = await world.stopped_at("order.confirm", BEFORE)
    path = f"/v1/orders/{order_id}/events"
    async with stream(api.port, path) as live:
        await live.take(2)
        seen = live.last_id
    async with stream(api.port, path, seen=seen) as live:
        await gate.open()
        assert [(item.id, item.type) for item in await live.take(1)] == [("3", "OrderConfirmed")]
    listed = await world.http.get(path, headers={"Last-Event-ID": "2"})
    assert [instance["version"] for instance in listed.json()["items"]] == [3]


async def test_a_client_goes_on_behind_a_note_on_an_order_that_is_not_placed_yet(
    world: World, api: Served
) -> None:
    order_id = world.next_order_id()
    saga_id = workflow_id(order_id)
    recording = world.gates.close(saga_id, "order.create", BEFORE)
    await world.place(await world.product())
    await recording.wait_reached()
    said = StepNote(
        order_id=order_id, step="create_order", blocked=None, still_blocked=False, action="retry"
    )
    await world.services.orders.note(StepKey(saga_id=saga_id, step="note#1"), said)
    path = f"/v1/orders/{order_id}/events"
    async with stream(api.port, path) as live:
        assert [item.type for item in await live.take(1)] == ["StepUnblocked"]
        seen = live.last_id
    listed = await world.http.get(path, headers={"Last-Event-ID": seen})
    assert (listed.status_code, listed.json()["items"]) == (200, [])
    async with stream(api.port, path, seen="2") as live:
        assert (live.status, live.refusal["code"]) == (400, "unknown_event_id")
    async with stream(api.port, path, seen=seen) as live:
        await recording.open()
        told = await live.take(3)
    assert [(line.id, line.type) for line in told] == list(zip("234", LIFE, strict=True))


async def test_operators_follow_all_orders_from_now_on_or_from_an_event_on(
    world: World, api: Served
) -> None:
    before = await confirmed(world)
    async with stream(api.port, EVERYTHING) as live:
        orders = [await confirmed(world) for _ in range(2)]
        told = await live.take(6)
    assert [line.data["order_id"] for line in told] == [orders[0]] * 3 + [orders[1]] * 3
    assert [line.type for line in told] == LIFE * 2
    assert before not in {line.data["order_id"] for line in told}
    async with stream(api.port, EVERYTHING, seen=told[2].id) as live:
        assert await live.take(3) == told[3:]
    listed = await world.http.get(EVERYTHING, headers={"Last-Event-ID": told[0].id})
    assert listed.json()["items"] == [line.data for line in told[1:]]


async def test_all_events_can_be_read_page_by_page_from_the_first(world: World) -> None:
    await confirmed(world)
    found: list[dict[str, Any]] = []
    further: str | None = "0-0"
    while further is not None:
        page = await world.rest(f"{EVERYTHING}?limit=7&cursor={further}")
        found += page["items"]
        further = page["next_cursor"]
    last = {"Last-Event-ID": found[-1]["id"]}
    assert (await world.http.get(EVERYTHING, headers=last)).json()["items"] == []
    assert len({row["id"] for row in found}) == len(found) >= 3
    versions: dict[str, int] = {}
    for event in found:
        assert event["version"] == versions.get(event["order_id"], 0) + 1
        versions[event["order_id"]] = event["version"]


@pytest.mark.parametrize("path", [EVERYTHING, "/v1/orders/ord_nope/events"])
async def test_a_stream_is_refused_as_any_request_is(world: World, api: Served, path: str) -> None:
    user = await world.user()
    order_id = await confirmed(world)
    foreign = f"/v1/orders/{order_id}/events" if "nope" in path else path
    expected = 404 if "nope" in path else 403
    same = {"X-Request-Id": "the-same"} | bearer(user, Scope.CUSTOMER)
    async with stream(api.port, path, headers={"X": "1"}) as live:
        assert (live.status, live.refusal["code"]) == (401, "token_missing")
    answers = []
    for asked in (path, foreign):
        async with stream(api.port, asked, headers=same) as live:
            answers.append((live.status, live.refusal))
    assert answers[0] == answers[1]
    assert answers[0][0] == expected


@pytest.mark.parametrize(
    ("path", "seen", "problem"),
    [
        (EVERYTHING, "999999999999-1", (400, "unknown_event_id")),
        (EVERYTHING, "9999999999999999999-9999999999999999999", (400, "invalid_cursor")),
        (EVERYTHING, "first", (400, "invalid_cursor")),
        ("order", "4", (400, "unknown_event_id")),
        ("order", "-1", (400, "invalid_cursor")),
    ],
)
async def test_an_id_that_was_never_told_is_refused(
    world: World, api: Served, path: str, seen: str, problem: tuple[int, str]
) -> None:
    path = f"/v1/orders/{await confirmed(world)}/events" if path == "order" else path
    async with stream(api.port, path, seen=seen) as live:
        assert (live.status, live.refusal["code"]) == problem


async def test_a_stream_ends_in_order_when_the_token_does(world: World, api: Served) -> None:
    order_id = await confirmed(world)
    lifetime = timedelta(seconds=-8)  # of the leeway of ten seconds, two are left
    token = ISSUER.mint(AUDIENCE, OPERATOR, [Scope.OPERATOR], lifetime)
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/v1/orders/{order_id}/events"
    began = time.monotonic()
    async with stream(api.port, path, headers=headers) as live:
        assert len(await live.rest(within=5)) == 3
    assert time.monotonic() - began > 0.5
    async with stream(api.port, path, headers=headers) as live:
        assert (live.status, live.refusal["code"]) == (401, "invalid_token")


async def test_open_streams_end_in_order_and_at_once_when_the_server_stops(world: World) -> None:
    order_id = await confirmed(world)
    async with serving(world) as api:
        async with stream(api.port, f"/v1/orders/{order_id}/events") as live:
            await live.take(3)
            resting = asyncio.create_task(live.rest())
            stopping = asyncio.create_task(api.stop())
            assert await resting == []
            began = time.monotonic()
            await stopping
            assert time.monotonic() - began < 2


class Impatient(TimeLimitedH11Protocol):
    write_timeout = timedelta(seconds=0.5)


def streaming(source: Callable[[], AsyncIterator[bytes]], heartbeat: timedelta) -> ASGIApp:
    """An app whose every answer is a stream from this source."""

    async def app(scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            answer = EventStream(source(), until=time.time() + 60, heartbeat=heartbeat)
            await answer(scope, receive, send)

    return app


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"data: " + b"x" * 10_000 + b"\n\n"

    async with serve(streaming(endless, HEARTBEAT), http=Impatient, lifespan="off") as api:
        async with api.connection() as connection:
            await connection.send(request("GET", "/"))  # and reads nothing

            async def connected() -> bool:
                return api.connections == 1

            async def cut_off() -> bool:
                return api.connections == 0

            await until(connected)
            await until(cut_off)


async def test_a_stream_with_nothing_to_say_shows_that_it_is_alive() -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield b"id: 0\n\n"
        await asyncio.Event().wait()

    brief = timedelta(seconds=0.05)
    async with serve(streaming(silent, brief), lifespan="off") as api:
        async with stream(api.port, "/") as live:
            blocks = live.blocks()
            async with asyncio.timeout(10):
                assert [await anext(blocks) for _ in range(3)] == ["id: 0", ": ping", ": ping"]


async def test_past_the_bound_a_stream_is_refused_and_others_are_not(world: World) -> None:
    path = f"/v1/orders/{await confirmed(world)}/events"
    async with serving(world, streams=1) as api:
        async with stream(api.port, path) as first, stream(api.port, path) as second:
            assert (first.status, second.status) == (200, 503)
            assert second.refusal["code"] == "overloaded"
            assert int(second.headers["retry-after"]) >= 1
            await first.take(3)

        async def free() -> bool:
            async with stream(api.port, path) as third:
                return third.status == 200

        await until(free)
