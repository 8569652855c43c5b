"""Who gets in, whose forms are taken, and what a page can do without; all without a browser."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from http.cookies import SimpleCookie

import httpx2
import pytest
import pytest_asyncio
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.security.authentication import Scope
from console.security.csrf import CSP
from contracts.payments import Captured, Payment
from saga.participant import Unavailable
from tests.support.gates import BEFORE
from tests.support.ports import free_port
from tests.support.tokens import AUDIENCE, ISSUER, OPERATOR, SERVICE
from tests.support.world import World, api_app

HERE = {"Origin": "http://api"}
FORM_KEY = re.compile(r'name="form_key" value="([0-9a-f]{64})"')


def token(*scopes: str, subject: str = OPERATOR, lasts: timedelta = timedelta(hours=1)) -> str:
    return ISSUER.mint(AUDIENCE, subject, scopes or (Scope.OPERATOR,), lasts)


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """What a browser would send, without one."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Accept": "text/html"}
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client,
    ):
        yield client


@pytest_asyncio.fixture(scope="module")
async def http(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    async with opened(api_app(world.client, world.services)) as client:
        yield client


class SilentPayments:
    """A payment service that does not answer."""

    async def for_order(self, order_id: str) -> Payment:
        raise Unavailable("no answer")

    async def list_captured(self, order_ids: list[str]) -> list[Captured]:
        raise Unavailable("no answer")


async def sign_in(
    http: httpx2.AsyncClient,
    given: str,
    *,
    to: str = "/console",
    url: str = "",
    headers: Mapping[str, str] = HERE,
) -> httpx2.Response:
    http.cookies.clear()
    form = {"token": given, "next": to}
    return await http.post(f"{url}/console/sign-in", data=form, headers=headers)


async def form_key(http: httpx2.AsyncClient) -> str:
    found = FORM_KEY.search((await http.get("/console")).text)
    assert found
    return found[1]


async def test_without_a_session_a_page_leads_to_the_sign_in_and_back(
    http: httpx2.AsyncClient,
) -> None:
    http.cookies.clear()
    sent = await http.get("/console?status=rejected")
    assert sent.status_code == 303
    assert sent.headers["location"] == "/console/sign-in?next=%2Fconsole%3Fstatus%3Drejected"
    asked = await http.get(sent.headers["location"])
    assert 'value="/console?status=rejected"' in asked.text
    back = await sign_in(http, token(), to="/console?status=rejected")
    assert (back.status_code, back.headers["location"]) == (303, "/console?status=rejected")
    assert (await http.get("/console")).status_code == 200


async def test_the_cookie_is_kept_from_scripts_and_from_other_sites(
    http: httpx2.AsyncClient,
) -> None:
    plain = await sign_in(http, token(lasts=timedelta(minutes=5)))
    cookie = SimpleCookie(plain.headers["set-cookie"])["saga_console"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/console")
    assert 200 < int(cookie["max-age"]) <= 310
    secure = await sign_in(
        http,
        token(lasts=timedelta(days=30)),
        url="https://api",
        headers={"Origin": "https://api"},
    )
    cookie = SimpleCookie(secure.headers["set-cookie"])["__Secure-saga_console"]
    assert cookie["secure"] is True
    assert int(cookie["max-age"]) == 8 * 3600


@pytest.mark.parametrize(
    ("given", "status", "told"),
    [
        ("", 401, "does not hold"),
        ("nonsense", 401, "does not hold"),
        (token(Scope.CUSTOMER, subject="usr_1"), 403, "not an operator"),
        (token(Scope.SERVICE, subject=SERVICE), 403, "not an operator"),
        (token(lasts=timedelta(minutes=-1)), 401, "does not hold"),
    ],
    ids=["none", "nonsense", "a customer's", "a service's", "expired"],
)
async def test_only_an_operators_token_that_holds_gets_in(
    http: httpx2.AsyncClient, given: str, status: int, told: str
) -> None:
    refused = await sign_in(http, given)
    assert refused.status_code == status
    assert told in refused.text
    assert "set-cookie" not in refused.headers
    if given:
        assert given not in refused.text


async def test_a_session_ends_with_its_token(http: httpx2.AsyncClient) -> None:
    http.cookies.clear()
    http.cookies.set("saga_console", token(lasts=timedelta(minutes=-1)), path="/console")
    assert (await http.get("/console")).status_code == 303
    for path, kind in (("/console/session", "*/*"), ("/console/live", "text/event-stream")):
        assert (await http.get(path, headers={"Accept": kind})).status_code == 401


async def test_a_cookie_opens_the_console_only(http: httpx2.AsyncClient) -> None:
    await sign_in(http, token())
    http.cookies.set("saga_console", token(), path="/")
    asked = await http.get("/v1/sagas", headers={"Accept": "application/json"})
    assert asked.status_code == 401
    http.cookies.clear()
    bearer = {"Authorization": f"Bearer {token()}"}
    assert (await http.get("/console", headers=bearer)).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://api.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=["says nothing", "another", "opaque", "looks alike", "cross-site", "same site"],
)
async def test_forms_of_other_sites_are_refused(
    http: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await sign_in(http, token(), headers=headers)).status_code == 403
    await sign_in(http, token())
    form = {"form_key": await form_key(http)}
    refused = await http.post("/console/sign-out", data=form, headers=headers)
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers


async def test_a_form_of_another_session_is_refused(http: httpx2.AsyncClient) -> None:
    await sign_in(http, token())
    others = await form_key(http)
    await sign_in(http, token(subject="somebody-else"))
    for key in (others, "", "ä", "0" * 64):
        form = {"form_key": key}
        refused = await http.post("/console/sign-out", data=form, headers=HERE)
        assert refused.status_code == 403
    form = {"form_key": await form_key(http)}
    out = await http.post("/console/sign-out", data=form, headers=HERE)
    assert (out.status_code, out.headers["location"]) == (303, "/console/sign-in")
    assert (await http.get("/console")).status_code == 303


@pytest.mark.parametrize(
    ("target", "leads"),
    [
        ("/console/orders/ord_1?x=1", "/console/orders/ord_1?x=1"),
        ("//evil.example", "/console"),
        ("https://evil.example", "/console"),
        ("/console\\@evil.example", "/console"),
        ("/consoleevil", "/console"),
        ("/console/\r\nSet-Cookie: a=b", "/console"),
    ],
)
async def test_the_sign_in_leads_to_pages_of_ours_only(
    http: httpx2.AsyncClient, target: str, leads: str
) -> None:
    answer = await sign_in(http, token(), to=target)
    assert answer.headers["location"] == leads


async def test_pages_forbid_scripts_styles_and_frames_of_others(http: httpx2.AsyncClient) -> None:
    await sign_in(http, token())
    for path in ("/console", "/console/sign-in", "/console/orders/ord_nope"):
        page = await http.get(path)
        assert page.headers["content-security-policy"] == CSP
        assert "unsafe" not in CSP
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", page.text)


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"a=%00", 400), (b"a=%ff", 400), (b"\xff", 400), (b"&".join([b"a=b"] * 30), 400)],
)
async def test_a_form_that_cannot_be_read_is_refused(
    http: httpx2.AsyncClient, content: bytes, status: int
) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await http.post("/console/sign-in", content=content, headers=HERE | kind)
    assert answer.status_code == status
    json = {"Content-Type": "application/json"}
    answer = await http.post("/console/sign-in", content=b"{}", headers=HERE | json)
    assert answer.status_code == 415


async def test_what_others_wrote_is_shown_as_text(world: World, http: httpx2.AsyncClient) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method="pm_sandbox_slow")
    wrote = "<img src=x onerror=alert(1)>"
    await world.http.post(f"/v1/orders/{order_id}/cancel", json={"reason": wrote})
    await world.settled(order_id, sku, "cancelled")
    await sign_in(http, token())
    for path in (f"/console/orders/{order_id}", "/console?q=%3Cimg%20src=x%3E"):
        page = (await http.get(path)).text
        assert "<img" not in page
        assert "&lt;img src=x" in page


async def test_a_cancel_of_an_order_that_is_cancelled_by_then_shows_it(
    world: World, http: httpx2.AsyncClient
) -> None:
    sku = await world.product()
    order_id = await world.place(sku, method="pm_sandbox_down")
    await world.http.post(f"/v1/orders/{order_id}/cancel")
    await world.settled(order_id, sku, "cancelled")
    await sign_in(http, token())
    form = {"form_key": await form_key(http), "reason": "asked by phone"}
    path = f"/console/orders/{order_id}"
    answer = await http.post(f"{path}/cancel", data=form, headers=HERE)
    assert (answer.status_code, answer.headers["location"]) == (303, path)


async def test_pages_show_what_there_is_while_temporal_and_payments_are_down(world: World) -> None:
    sku = await world.product()
    order_id = await world.place(sku)
    await world.settled(order_id, sku, "confirmed")
    _, _, gate = await world.stopped_at("order.confirm", BEFORE)  # has money that is under way
    nowhere = await Client.connect(
        f"127.0.0.1:{free_port()}", lazy=True, data_converter=pydantic_data_converter
    )
    silent = replace(world.services, payments=SilentPayments())  # type: ignore[arg-type]  # a part
    async with opened(api_app(nowhere, silent)) as http:
        await sign_in(http, token())
        orders = await http.get("/console")
        assert order_id in orders.text
        assert "not known just now" in orders.text
        order = await http.get(f"/console/orders/{order_id}")
        assert "It is confirmed." in order.text
        assert "It was charged once" not in order.text
        assert "No charge was begun" not in order.text
        assert "OrderConfirmed" in order.text
        assert "Temporal, or a worker, does not answer" in order.text
        assert "The payment service does not answer" in order.text
        services = await http.get("/console/services")
        assert "Temporal does not answer" in services.text
        attention = await http.get("/console/attention")
        assert attention.status_code == 503
        assert "Not available just now" in attention.text
    await gate.open()
