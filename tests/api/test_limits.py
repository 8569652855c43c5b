"""What is out of bounds is refused with a problem document; on sockets where framing matters."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import psutil
import pytest
import pytest_asyncio
from fastapi import FastAPI
from starlette.datastructures import Headers

from api.http.content_negotiation import accepts, prefers
from api.http.h11_protocol import TimeLimitedH11Protocol
from api.http.limits import MAX_BODY, MAX_DEPTH, MAX_HEAD, MAX_HEADER_BYTES, MAX_HEADERS, MAX_URI
from api.http.request_id import RequestIdMiddleware
from api.http.request_limits import RequestLimitsMiddleware
from api.orders.place_order import order_id_for
from contracts.users import User, UserService
from tests.support.tokens import OPERATOR
from tests.support.wire import Answer, Connection, Served, request, serve
from tests.support.world import World, api_app, running_api

JSON = {"Content-Type": "application/json"}
HEAD = b"POST /v1/users HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
MEBIBYTE = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
SHORT = timedelta(seconds=0.5)  # for what is a time-out of many in earnest


@pytest_asyncio.fixture(scope="module")
async def api(world: World) -> AsyncIterator[Served]:
    async with serve(api_app(world.client, world.services)) as running:
        yield running


def refused(answer: Answer, status: int, code: str) -> Answer:
    assert (answer.status, answer.problem()["code"]) == (status, code), answer
    return answer


async def test_a_body_announced_as_too_large_is_refused_before_it_is_sent(api: Served) -> None:
    async with api.connection() as connection:
        head = f"Content-Length: {MAX_BODY + 1}\r\nExpect: 100-continue\r\n\r\n"
        await connection.send(HEAD + head.encode())
        refused(await connection.answer(), 413, "content_too_large")
        assert await connection.is_closed()


async def test_a_body_is_counted_while_it_streams(api: Served) -> None:
    process = psutil.Process()
    async with api.connection() as connection:
        await connection.send(CHUNKED)
        before = process.memory_info().rss
        with pytest.raises(ConnectionError):
            await flood(connection)
        assert process.memory_info().rss - before < 20 * 0x100000


async def flood(connection: Connection) -> None:
    """Send a gigabyte, if the server lets it."""
    for _ in range(1024):
        await connection.send(MEBIBYTE)


async def test_one_who_sends_too_much_still_reads_why(api: Served) -> None:
    one_too_many = b"%x\r\n" % (MAX_BODY + 1) + b" " * (MAX_BODY + 1) + b"\r\n0\r\n\r\n"
    refused(await api.ask(CHUNKED, one_too_many), 413, "content_too_large")


async def test_a_body_of_just_the_size_is_read(api: Served) -> None:
    body = b'{"name": "A", "email": "a@b"}'
    padded = body + b" " * (MAX_BODY - len(body))
    assert (await api.ask(request("POST", "/v1/users", JSON, padded))).status == 201


async def test_a_long_uri_is_refused(api: Served) -> None:
    path = "/v1/orders?cursor="
    fits = path + "A" * (MAX_URI - len(path) + 2)
    refused(await api.ask(request("GET", fits[:-1])), 400, "invalid_cursor")
    refused(await api.ask(request("GET", fits)), 414, "uri_too_long")
    async with api.connection() as connection:  # one that does not even end
        await connection.send(b"GET /" + b"a" * MAX_HEAD)
        refused(await connection.answer(), 414, "uri_too_long")
        assert await connection.is_closed()


async def test_many_or_large_headers_are_refused(api: Served) -> None:
    many = {f"X-{n}": "1" for n in range(MAX_HEADERS)}
    refused(await api.ask(request("GET", "/health/live", many)), 431, "headers_too_large")
    large = {"X-Large": "a" * MAX_HEADER_BYTES}
    refused(await api.ask(request("GET", "/health/live", large)), 431, "headers_too_large")
    endless = b"GET /health/live HTTP/1.1\r\nX-Large: " + b"a" * MAX_HEAD
    refused(await api.ask(endless), 431, "headers_too_large")
    few = {f"X-{n}": "1" for n in range(MAX_HEADERS - 2)}  # and Host, and the token
    assert (await api.ask(request("GET", "/health/live", few))).status == 200


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"what is this?\r\n\r\n", 400, "malformed_request"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "malformed_request"),  # no Host
        (b"GET / HTTP/1.1\r\nHost: a\r\nX y: 1\r\n\r\n", 400, "malformed_request"),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
        (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400, "malformed_request"),
        (CHUNKED + b"nonsense\r\n", 400, "malformed_request"),
    ],
)
async def test_what_is_no_http_is_answered_with_a_problem_too(
    api: Served, sent: bytes, status: int, code: str
) -> None:
    async with api.connection() as connection:
        await connection.send(sent)
        refused(await connection.answer(), status, code)
        assert await connection.is_closed()


async def test_a_slow_body_is_cut_off() -> None:
    async with serve(
        RequestIdMiddleware(RequestLimitsMiddleware(FastAPI(), body_timeout=SHORT))
    ) as api:
        async with api.connection() as connection:
            await connection.send(HEAD + b"Content-Length: 1000\r\n\r\n")
            trickling = asyncio.create_task(trickle(connection.send))
            began = time.monotonic()
            refused(await connection.answer(), 408, "request_timeout")
            assert time.monotonic() - began < SHORT.total_seconds() + 5
            assert await connection.is_closed()
            trickling.cancel()
            await asyncio.gather(trickling, return_exceptions=True)


class Hurried(TimeLimitedH11Protocol):
    head_timeout = SHORT


@pytest.mark.parametrize("before", [b"", request("GET", "/docs")])
async def test_a_slow_head_is_cut_off(before: bytes) -> None:
    async with serve(RequestIdMiddleware(RequestLimitsMiddleware(FastAPI())), http=Hurried) as api:
        async with api.connection() as connection:
            if before:
                await connection.send(before)
                assert (await connection.answer()).status == 200
            await connection.send(b"GET / HTTP/1.1\r\nX: ")
            trickling = asyncio.create_task(trickle(connection.send))
            refused(await connection.answer(), 408, "request_timeout")
            assert await connection.is_closed()
            trickling.cancel()
            await asyncio.gather(trickling, return_exceptions=True)


async def test_a_connection_that_says_nothing_is_closed() -> None:
    async with serve(FastAPI(), http=Hurried) as api, api.connection() as connection:
        assert await connection.is_closed()


async def test_a_request_that_takes_longer_than_its_head_may_is_answered() -> None:
    app = FastAPI()

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(2 * SHORT.total_seconds())
        return "done"

    async with serve(app, http=Hurried) as api:
        assert (await api.ask(request("GET", "/slow"))).body == b'"done"'


async def trickle(send: Any) -> None:
    """A byte now and then, until the other end has had enough."""
    while True:
        await send(b"a")
        await asyncio.sleep(SHORT.total_seconds() / 5)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[[1]]" * 2, "invalid_json"),
        (b'{"name": "A", "name": "B", "email": "a@b"}', "duplicate_key"),
        (b'{"a": [{"b": 1, "b": 1}]}', "duplicate_key"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested_too_deeply"),
        (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "nested_too_deeply"),
        (b"[" * 30_000 + b"]" * 30_000, "nested_too_deeply"),
        (b"[" * 30_000, "nested_too_deeply"),
        (b'{"a": NaN}', "invalid_json"),
        (b'{"a": -Infinity}', "invalid_json"),
        (b'{"a": ' + b"9" * 5000 + b"}", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"{", "invalid_json"),
    ],
)
async def test_ambiguous_or_abusive_json_is_refused(api: Served, body: bytes, code: str) -> None:
    refused(await api.ask(request("POST", "/v1/users", JSON, body)), 400, code)


async def test_json_may_be_nested_to_the_bound(api: Served) -> None:
    body = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    refused(await api.ask(request("POST", "/v1/users", JSON, body)), 422, "validation_failed")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/orders", "GET, POST"),
        ("/v1/orders/ord_x", "GET"),
        ("/v1/orders/ord_x/return", "GET, POST"),
        ("/v1/orders/ord_x/cancel", "POST"),
        ("/health/live", "GET"),
    ],
)
async def test_405_names_all_methods_of_the_path(api: Served, path: str, methods: str) -> None:
    answer = refused(await api.ask(request("DELETE", path)), 405, "method_not_allowed")
    assert answer.headers["allow"] == methods


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        (None, True),
        ("", True),
        ("*/*", True),
        ("application/*", True),
        ("APPLICATION/JSON", True),
        ("application/json;q=0.1", True),
        ("text/html, application/json; charset=utf-8", True),
        ("text/html;q=1.0, */*;q=0.8", True),
        ("application/json, */*;q=0", True),
        ("nonsense", True),
        ("text/html", False),
        ("application/problem+json", False),
        ("application/json;q=0", False),
        ("application/json;q=0.000, */*", False),
        ("*/*;q=0", False),
        ("text/*, image/png", False),
    ],
)
def test_an_accept_header_is_read_as_it_is_meant(accept: str | None, taken: bool) -> None:
    headers = Headers({} if accept is None else {"accept": accept})
    assert accepts(headers, "application/json") is taken


async def test_406_if_json_would_not_do(api: Served) -> None:
    refused(
        await api.ask(request("GET", "/v1/orders", {"Accept": "text/html"})), 406, "not_acceptable"
    )
    assert (await api.ask(request("GET", "/docs", {"Accept": "text/html"}))).status == 200
    stream = {"Accept": "text/event-stream"}
    for path, accept in (("/v1/orders", stream), ("/v1/events", {"Accept": "text/html"})):
        refused(await api.ask(request("GET", path, accept)), 406, "not_acceptable")


@pytest.mark.parametrize(
    ("accept", "preferred"),
    [
        (None, False),
        ("*/*", False),
        ("text/*", False),
        ("application/json", False),
        ("text/event-stream", True),
        ("text/event-stream;q=0", False),
        ("application/json, text/event-stream", True),
        ("text/event-stream;q=0.5, */*;q=0.1", True),
        ("text/event-stream;q=0.5, application/json", False),
        ("text/event-stream;q=0.5, */*", False),
    ],
)
def test_a_stream_is_only_for_who_asks_for_it(accept: str | None, preferred: bool) -> None:
    headers = Headers({} if accept is None else {"accept": accept})
    assert prefers(headers, "text/event-stream", "application/json") is preferred


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "text/json"},
        {"Content-Type": "application/jsonp"},
        JSON | {"Content-Encoding": "gzip"},
    ],
)
async def test_415_names_what_is_taken(api: Served, headers: dict[str, str]) -> None:
    answer = await api.ask(request("POST", "/v1/users", headers, b"{}"))
    refused(answer, 415, "unsupported_media_type")
    assert "accept" in answer.headers or "accept-encoding" in answer.headers


@pytest.mark.parametrize(
    "path", ["/v1/users/a%00b", "/v1/orders?customer_id=%00", "/v1/products/%00"]
)
async def test_nul_in_a_uri_is_refused(api: Served, path: str) -> None:
    refused(await api.ask(request("GET", path)), 400, "invalid_uri")


@pytest.mark.parametrize("name", ["a\\u0000b", "\\ud800"])
async def test_text_that_no_database_takes_is_invalid(api: Served, name: str) -> None:
    body = f'{{"name": "{name}", "email": "a@b"}}'.encode()
    answer = await api.ask(request("POST", "/v1/users", JSON, body))
    refused(answer, 422, "validation_failed")
    assert [error["pointer"] for error in answer.problem()["errors"]] == ["/name"]


async def test_a_very_long_id_is_simply_not_found(api: Served) -> None:
    for what in ("", "/saga", "/events", "/return"):
        path = f"/v1/orders/{'x' * 2000}{what}"
        refused(await api.ask(request("GET", path)), 404, "unknown_order")


class SlowUsers:
    """Users whose look-up takes until somebody says so."""

    def __init__(self, users: UserService) -> None:
        self._users = users
        self.asked = asyncio.Semaphore(0)
        self.answer = asyncio.Event()

    async def get(self, user_id: str) -> User:
        self.asked.release()
        await self.answer.wait()
        return await self._users.get(user_id)


async def test_more_starts_at_once_than_the_bound_are_shed_and_work_afterwards(
    world: World,
) -> None:
    slow = SlowUsers(world.services.users)
    services = replace(world.services, users=cast("UserService", slow))
    sku, user = await world.product(), await world.user()
    items = [{"sku": sku, "quantity": 1}]
    body = {"customer_id": user, "items": items, "payment_method": "pm_card_visa"}
    keys = [uuid4().hex for _ in range(3)]
    async with running_api(world.client, services, starts=2) as http:

        def post(key: str) -> Any:
            return http.post("/v1/orders", json=body, headers={"Idempotency-Key": key})

        held = [asyncio.create_task(post(key)) for key in keys[:2]]
        async with asyncio.timeout(20):
            for _ in held:
                await slow.asked.acquire()
        shed = await post(keys[2])
        assert (shed.status_code, shed.json()["code"]) == (503, "overloaded")
        assert int(shed.headers["retry-after"]) >= 1
        slow.answer.set()
        assert [(await row).status_code for row in held] == [202, 202]
        assert (await post(keys[2])).status_code == 202
    for key in keys:
        await world.handle(order_id_for(OPERATOR, key)).result()
    assert await world.stock(sku) == (97, 0, 3)


def test_the_bounds_fit_into_each_other() -> None:
    """A head within the app's bounds is let through by the server, so the app can answer."""
    assert MAX_URI + MAX_HEADER_BYTES + 4 * MAX_HEADERS < MAX_HEAD
    assert json.dumps({"items": [{"sku": "S" * 64, "quantity": 1000}] * 100}).__len__() < MAX_BODY


@pytest.mark.parametrize("limit", ["4%C2%A0", "%204", "4.0", "1_0", "%2B4", "", "0x4", "9" * 5000])
async def test_a_number_in_a_query_is_in_digits(api: Served, limit: str) -> None:
    for path in ("/v1/orders", "/v1/events", "/v1/sagas"):
        answer = await api.ask(request("GET", f"{path}?limit={limit}"))
        assert (
            refused(answer, 422, "validation_failed").problem()["errors"][0]["parameter"] == "limit"
        )
