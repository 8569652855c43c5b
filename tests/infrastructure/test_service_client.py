"""Calls between services: what goes over the wire, what is refused, and what each answer means."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from contracts.names import SERVICES
from contracts.users import NewUser, UserService
from infrastructure.http.circuit_breaker import Breaker, BreakerState, Limits
from infrastructure.rpc.client import ServiceClient, open_client, remote
from infrastructure.rpc.errors import error_of, problem_of
from infrastructure.rpc.operations import Operation, operations
from infrastructure.rpc.server import MAX_BODY, create_app
from infrastructure.rpc.tokens import SCOPE, Bearer, audience_of
from saga import Step
from saga.participant import (
    CircuitOpen,
    Compensated,
    Conflict,
    Locked,
    NotFound,
    Rejected,
    ServiceError,
    Unavailable,
)
from services.composition import DEADLINES, PROTOCOLS
from tests.support.fakes.users import FakeUsers
from tests.support.ports import free_port
from tests.support.remote import ISSUER, served_service, service_verifier
from workflows import place_order, return_order

DEADLINE = 0.5
ERRORS: list[ServiceError] = [
    Rejected("out_of_stock", "no more"),
    NotFound("unknown_sku", "there is no such product"),
    Compensated("undone before"),
    Conflict("moved on", expected=3, actual=5),
    Unavailable("database: gone"),
    Unavailable("not sold yet", retry_after=1.5),
    CircuitOpen("left alone", retry_after=2.25),
    Locked("not sold yet", holder="order-ord_1", retry_after=1.0),
]


async def nothing_needed() -> None:
    """Always ready."""


@asynccontextmanager
async def client_of(app: Any, **limits: Any) -> AsyncIterator[tuple[UserService, Breaker]]:
    """The user service behind a real socket, and the breaker in front of it."""
    async with served_service(app) as url, open_client(url) as http:
        breaker = Breaker("user_service", Limits(**limits))
        bearer = Bearer(ISSUER, "user", "the-tests")
        client = ServiceClient("user", http, bearer, breaker, deadline=DEADLINE)
        yield remote(UserService, client), breaker


def answering(answer: Callable[[], Awaitable[Response]]) -> Any:
    """A server that answers everything so."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await (await answer())(scope, receive, send)

    return app


async def hanging(scope: Scope, receive: Receive, send: Send) -> None:
    """A server that takes every request and answers none."""
    assert scope["type"] == "http"
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.mark.parametrize("error", ERRORS, ids=lambda it: type(it).__name__)
def test_an_error_is_the_same_on_both_sides_of_the_wire(error: ServiceError) -> None:
    status, document = problem_of(error)
    found = error_of("user", status, json.dumps(document).encode())
    assert (type(found), vars(found), str(found)) == (type(error), vars(error), str(error))


@pytest.mark.parametrize(
    "body",
    [
        b"no healthy upstream",
        b"{}",
        b"[]",
        b'{"type": "about:blank", "code": "validation_failed", "detail": "?"}',
        b'{"type": "urn:order-saga:service-error:rejected"}',
        b"\xff",
    ],
)
@pytest.mark.parametrize("status", [401, 404, 409, 422, 500, 503])
def test_what_is_not_a_services_own_word_is_no_rejection(status: int, body: bytes) -> None:
    assert type(error_of("user", status, body)) is Unavailable


async def test_a_service_that_hangs_is_given_up_in_time_and_then_left_alone() -> None:
    async with client_of(hanging, threshold=2) as (users, breaker):
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"did not answer in 0\.5 s"):
                await users.get("usr_1")
        assert time.monotonic() - began < DEADLINE * 4
        assert breaker.state is BreakerState.OPEN
        with pytest.raises(CircuitOpen) as refused:
            await users.get("usr_1")
        assert refused.value.retry_after == pytest.approx(5, abs=0.5)


async def test_a_cancelled_call_says_nothing_of_the_service() -> None:
    async with client_of(hanging, threshold=1) as (users, breaker):
        call = asyncio.create_task(users.get("usr_1"))
        await asyncio.sleep(DEADLINE / 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize("answer", ["no healthy upstream", "<html>"])
async def test_a_proxys_word_counts_as_a_failure(answer: str) -> None:
    async def proxy() -> Response:
        return PlainTextResponse(answer, 503)

    async with client_of(answering(proxy), threshold=1) as (users, breaker):
        with pytest.raises(Unavailable, match=answer):
            await users.get("usr_1")
        assert breaker.state is BreakerState.OPEN


async def test_a_success_that_is_none_of_ours_is_unavailable() -> None:
    async def other() -> Response:
        return JSONResponse({"status": "ok"})

    async with client_of(answering(other)) as (users, _):
        with pytest.raises(Unavailable, match="unexpected answer"):
            await users.get("usr_1")


async def test_nobody_there_is_unavailable() -> None:
    async with open_client(f"http://127.0.0.1:{free_port()}") as http:
        bearer = Bearer(ISSUER, "user", "the-tests")
        client = ServiceClient("user", http, bearer, Breaker("user"), deadline=DEADLINE)
        users: UserService = remote(UserService, client)
        with pytest.raises(Unavailable, match="ConnectError"):
            await users.get("usr_1")


async def test_rejections_never_open_the_breaker() -> None:
    app = create_app("user", UserService, FakeUsers(), service_verifier("user"), nothing_needed)
    async with client_of(app, threshold=1) as (users, breaker):
        for _ in range(5):
            with pytest.raises(NotFound):
                await users.get("usr_nobody")
        assert breaker.state is BreakerState.CLOSED


def token(audience: str, scope: str = SCOPE, lifetime: float = 3600) -> str:
    """The header's value. Made when the tests are collected, so it lasts until all have run."""
    made = ISSUER.mint(audience_of(audience), "x", [scope], timedelta(seconds=lifetime))
    return f"Bearer {made}"


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("Basic abc", 401),
        ("Bearer abc", 401),
        (token("payment"), 401),
        (token("user", "operator"), 403),
        (token("user", lifetime=-30), 401),
        (token("user"), 200),
    ],
)
async def test_a_service_takes_tokens_for_itself_only(
    authorization: str | None, status: int
) -> None:
    users = FakeUsers()
    app = create_app("user", UserService, users, service_verifier("user"), nothing_needed)
    ada = {"user": {"name": "Ada", "email": "ada@example.com"}}
    headers = {"Authorization": authorization} if authorization else {}
    async with served_service(app) as url, httpx2.AsyncClient(base_url=url) as http:
        answer = await http.post("/v1/user/create", json=ada, headers=headers)
        assert answer.status_code == status, answer.text
        assert bool(users._users) == (status == 200)
        if status != 200:
            assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_is_too_large_or_not_asked_for_is_refused() -> None:
    app = create_app("user", UserService, FakeUsers(), service_verifier("user"), nothing_needed)
    headers = {"Authorization": Bearer(ISSUER, "user", "x").header()}
    async with (
        served_service(app) as url,
        httpx2.AsyncClient(base_url=url, headers=headers) as http,
    ):
        for body, status in ((b"x" * (MAX_BODY + 1), 413), (b"{", 422), (b"{}", 422)):
            answer = await http.post("/v1/user/create", content=body)
            assert answer.status_code == status
        assert (await http.post("/v1/user/drop_all", content=b"{}")).status_code == 404


async def test_readiness_is_the_services_own() -> None:
    async def down() -> None:
        raise Unavailable("database: gone")

    app = create_app("user", UserService, FakeUsers(), service_verifier("user"), down)
    async with served_service(app) as url, open_client(url) as http:
        assert (await http.get("/health/live")).status_code == 200
        bearer = Bearer(ISSUER, "user", "x")
        client = ServiceClient("user", http, bearer, Breaker("user"), deadline=DEADLINE)
        with pytest.raises(Unavailable, match="database: gone"):
            await client.ready()


def test_a_token_is_used_for_half_its_life() -> None:
    now = [0.0]
    bearer = Bearer(ISSUER, "user", "x", clock=lambda: now[0])
    first = bearer.header()
    now[0] = 29.0
    assert bearer.header() == first
    now[0] = 30.0
    assert bearer.header() != first


@pytest.mark.parametrize("service", PROTOCOLS)
def test_the_openapi_document_has_every_operation_of_the_protocol(service: str) -> None:
    protocol = PROTOCOLS[service]
    verifier = service_verifier(service)
    nobody = dict.fromkeys(operations(protocol), nothing_needed)
    app = create_app(service, protocol, type("Nobody", (), nobody), verifier, nothing_needed)
    paths = app.openapi()["paths"]
    own = {path.rpartition("/")[2]: item for path, item in paths.items() if path.startswith("/v1/")}
    wire_names = {operation.name for operation in operations(protocol).values()}
    assert own.keys() == wire_names
    assert len(own) == len([name for name in vars(protocol) if not name.startswith("_")])
    assert all(item["post"]["operationId"] == name for name, item in own.items())


@pytest.mark.parametrize("service", DEADLINES)
def test_a_call_is_given_up_before_its_activity_is(service: str) -> None:
    steps: list[Step[Any, Any]] = [*place_order.PLACE_ORDER, *return_order.RETURN_ORDER]
    attempts = [step.attempt.total_seconds() for step in steps if step.queue == SERVICES[service]]
    usual = Step.attempt.total_seconds()  # of a service that no saga needs yet
    assert min(attempts, default=usual) > DEADLINES[service]


async def test_a_protocol_without_types_is_refused() -> None:
    async def untyped(self: Any, thing) -> None:  # type: ignore[no-untyped-def]  # that is it
        """No type for `thing`."""

    with pytest.raises(TypeError, match="no type for"):
        Operation.of(untyped)
    encoded = operations(UserService)["create"].encode(NewUser(name="A", email="a@b"))
    assert encoded == b'{"user":{"name":"A","email":"a@b"}}'
