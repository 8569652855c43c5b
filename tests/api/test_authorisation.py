"""Who may do what: every route of the app, every kind of caller, own, foreign and missing things.

The table is the whole truth, to be read and reviewed. It is compared with the app's routes, so a
new route fails here until it has a row.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio
from fastapi import APIRouter, FastAPI
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.app import create_app
from api.orders.place_order import order_id_for
from api.security.authentication import Scope
from api.security.authorization import (
    AuthorizedRoute,
    UndeclaredRoute,
    check,
    required_scope_of,
    routes_of,
)
from console.mount import install
from console.security.csrf import form_key
from contracts.names import return_id, workflow_id
from infrastructure.http.ssrf_safe_client import open_public_http
from infrastructure.postgres.database import Database
from services.event.deliveries import Deliveries, delivery_id
from tests.support.gates import BEFORE
from tests.support.ports import free_port
from tests.support.tokens import OPERATOR, SERVICE, bearer
from tests.support.world import World, running_api
from tests.webhooks.parts import event_of

# Answers for own/foreign/missing things, or one for all. "Own" is what is the owner's, "foreign"
# what is the other's, whoever calls. A list that is asked for as "foreign" is empty for the owner.
TABLE = """
route                                          anon owner       other       service     operator
POST /v1/orders                                401  202/403/403 403/202/403 202/202/422 202/202/422
GET  /v1/orders                                401  200         200         200         200
GET  /v1/orders/{order_id}                     401  200/404/404 404/200/404 200/200/404 200/200/404
POST /v1/orders/{order_id}/cancel              401  409/404/404 404/409/404 409/409/404 409/409/404
POST /v1/orders/{order_id}/return              401  200/404/404 404/200/404 200/200/404 200/200/404
GET  /v1/orders/{order_id}/return              401  200/404/404 404/200/404 200/200/404 200/200/404
GET  /v1/orders/{order_id}/events              401  200/404/404 404/200/404 200/200/404 200/200/404
GET  /v1/orders/{order_id}/saga                401  200/404/404 404/200/404 200/200/404 200/200/404
GET  /v1/orders/{order_id}/story               401  403         403         403         200/200/404
GET  /v1/payments/{order_id}                   401  200/404/404 404/200/404 200/200/404 200/200/404
GET  /v1/users/{user_id}                       401  200/404/404 404/200/404 200/200/404 200/200/404
POST /v1/webhooks                              401  201/403/403 403/201/403 201         201
GET  /v1/webhooks                              401  200         200         200         200
GET  /v1/webhooks/{webhook_id}                 401  200/404/404 404/200/404 200/200/404 200/200/404
DELETE /v1/webhooks/{webhook_id}               401  204/404/404 404/204/404 204/204/404 204/204/404
POST /v1/webhooks/{webhook_id}/secret          401  200/404/404 404/200/404 200/200/404 200/200/404
POST /v1/webhooks/{webhook_id}/enable          401  200/404/404 404/200/404 200/200/404 200/200/404
GET  /v1/webhooks/{webhook_id}/deliveries      401  200/404/404 404/200/404 200/200/404 200/200/404
POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver
                                               401  202/404/404 404/202/404 202/202/404 202/202/404
GET  /v1/products                              401  200         200         200         200
GET  /v1/products/{sku}                        401  200/200/404 200/200/404 200/200/404 200/200/404
GET  /v1/users                                 401  403         403         403         200
POST /v1/users                                 401  403         403         201         201
POST /v1/users/{user_id}/deactivate            401  403         403         403         200/200/404
POST /v1/users/{user_id}/erase                 401  403         403         403         200/200/404
POST /v1/products                              401  403         403         403         201
POST /v1/products/{sku}/stock                  401  403         403         403         200/200/404
GET  /v1/events                                401  403         403         403         200
GET  /v1/exposure                              401  403         403         403         200
POST /v1/orders/{order_id}/settle              401  403         403         403         409/409/404
GET  /v1/sagas                                 401  403         403         403         200
GET  /v1/sagas/{saga_id}                       401  403         403         403         200/200/404
GET  /v1/sagas/{saga_id}/records               401  403         403         403         200
POST /v1/sagas/{saga_id}/steps/{step}/resolve  401  403         403         403         409/409/404
GET  /console                                  401  403         403         403         200
GET  /console/live                             401  403         403         403         406
GET  /console/session                          401  403         403         403         204
GET  /console/orders/{order_id}                401  403         403         403         200/200/404
GET  /console/orders/{order_id}/live           401  403         403         403         406
GET  /console/orders/{order_id}/cancel         401  403         403         403         200/200/404
POST /console/orders/{order_id}/cancel         401  403         403         403         409/409/404
GET  /console/orders/{order_id}/return         401  403         403         403         200/200/404
POST /console/orders/{order_id}/return         401  403         403         403         409/409/404
GET  /console/orders/{order_id}/settle         401  403         403         403         200/200/404
POST /console/orders/{order_id}/settle         401  403         403         403         422
GET  /console/attention                        401  403         403         403         200
GET  /console/attention/live                   401  403         403         403         406
GET  /console/sagas/{saga_id}/steps/{step}/resolve 401 403      403         403         409/409/404
POST /console/sagas/{saga_id}/steps/{step}/resolve 401 403      403         403         422
POST /console/demo-orders                      401  403         403         403         409
GET  /console/stock                            401  403         403         403         200
GET  /console/stock/live                       401  403         403         403         406
GET  /console/customers                        401  403         403         403         200
GET  /console/customers/{user_id}              401  403         403         403         200/200/404
GET  /console/events                           401  403         403         403         200
GET  /console/events/live                      401  403         403         403         406
GET  /console/webhooks                         401  403         403         403         200
GET  /console/webhooks/{webhook_id}            401  403         403         403         200/200/404
GET  /console/services                         401  403         403         403         200
GET  /console/services/live                    401  403         403         403         406
GET  /console/reports                          401  403         403         403         200
GET  /console/reports/{folder}/{name}          401  403         403         403         404
GET  /console/{path:path}                      401  403         403         403         404
POST /console/sign-out                         401  403         403         403         303
GET  /                                         404  404         404         404         404
POST /console/sign-in/links                    401  403         403         403         201
GET  /console/sign-in                          200  200         200         200         200
POST /console/sign-in                          401  401         401         401         401
POST /console/sign-in/link                     401  401         401         401         401
MOUNT /console/assets                          200  200         200         200         200
GET  /health/live                              200  200         200         200         200
GET  /health/ready                             200  200         200         200         200
GET  /metrics                                  200  200         200         200         200
GET  /openapi.json                             200  200         200         200         200
GET  /docs                                     200  200         200         200         200
MOUNT /docs/assets                             200  200         200         200         200
"""
HEADING, *ROWS = [
    line.split() for line in TABLE.strip().replace("redeliver\n", "redeliver ").splitlines()
]
CALLERS = HEADING[1:]
FILES = {"/docs/assets": "swagger-ui.css", "/console/assets": "base.css"}
THINGS = ("own", "foreign", "missing")
EXPECTED = {f"{method} {path}": cells for method, path, *cells in ROWS}
OF_AN_ORDER = [  # by whoever has it
    route for route, (_, owner, *_) in EXPECTED.items() if "{order_id}" in route and owner != "403"
]
OF_A_WEBHOOK = [
    route
    for route, (_, owner, *_) in EXPECTED.items()
    if "{webhook_id}" in route and owner != "403"
]


@dataclass(frozen=True)
class Case:
    """Two customers, each with an order that was returned and a saga that is under way."""

    http: httpx2.AsyncClient
    sku: str
    users: dict[str, str]  # by thing
    orders: dict[str, str]
    sagas: dict[str, str]
    webhooks: dict[str, str]
    deliveries: dict[str, str]

    def headers(self, caller: str) -> dict[str, str]:
        """The token of one of CALLERS."""
        return {
            "anon": {"Authorization": ""},
            "owner": bearer(self.users["own"], Scope.CUSTOMER),
            "other": bearer(self.users["foreign"], Scope.CUSTOMER),
            "service": bearer(SERVICE, Scope.SERVICE),
            "operator": bearer(OPERATOR, Scope.OPERATOR),
        }[caller]

    def order_of(self, thing: str) -> dict[str, Any]:
        """A body that places an order in this customer's name."""
        items = [{"sku": self.sku, "quantity": 1}]
        return {"customer_id": self.users[thing], "items": items, "payment_method": "pm_card_visa"}

    async def webhook(self, thing: str) -> str:
        """A new webhook of this customer; its id."""
        made = await self.http.post("/v1/webhooks", json=self.webhook_of(thing))
        webhook_id: str = made.json()["id"]
        return webhook_id

    def webhook_of(self, thing: str) -> dict[str, Any]:
        """A body that registers one in this customer's name."""
        return {"customer_id": self.users[thing], "url": "https://shop.example/hooks"}

    def body(self, route: str, thing: str) -> dict[str, Any] | None:
        price = {"minor": 100, "currency": "EUR"}
        return {
            "POST /v1/orders": self.order_of(thing),
            "POST /v1/webhooks": self.webhook_of(thing),
            "POST /v1/users": {"name": "New", "email": "new@example.com"},
            "POST /v1/products": {"sku": uuid4().hex, "name": "x", "price": price, "stock": 1},
            "POST /v1/products/{sku}/stock": {"quantity": 1},
            "POST /v1/sagas/{saga_id}/steps/{step}/resolve": {"action": "retry"},
            "POST /v1/orders/{order_id}/settle": {"action": "skip", "evidence": "a gift"},
        }.get(route)

    async def ask(self, route: str, thing: str, **headers: str) -> httpx2.Response:
        """One request of this route for this thing."""
        method, path = route.split()
        webhook = self.webhooks[thing]
        if method == "DELETE" and thing != "missing":  # each request needs one of its own
            webhook = await self.webhook(thing)
        path = path.replace("{path:path}", "nope").format(
            order_id=self.orders[thing],
            user_id=self.users[thing],
            saga_id=self.sagas[thing],
            webhook_id=webhook,
            delivery_id=self.deliveries[thing],
            sku="NOPE" if thing == "missing" else self.sku,
            step="charge_payment",
            folder=0,
            name="nope.html",
        )
        if method == "MOUNT":
            method, path = "GET", f"{path}/{FILES[path]}"
        if path.startswith("/console") and not path.endswith("/links"):  # which a program asks for
            return await self.browse(method, path, headers["Authorization"])
        query = {"customer_id": self.users[thing]} if route == "GET /v1/orders" else {}
        headers = {"Idempotency-Key": uuid4().hex, **headers}
        body = self.body(route, thing)
        return await self.http.request(method, path, params=query, json=body, headers=headers)

    async def browse(self, method: str, path: str, authorization: str) -> httpx2.Response:
        """As a browser does: the token is in a cookie, and a form is one of this session."""
        token = authorization.removeprefix("Bearer ")
        headers = {"Cookie": f"saga_console={token}", "Authorization": "", "Origin": "http://api"}
        form = {"form_key": form_key(token)} if method == "POST" else None
        return await self.http.request(method, path, data=form, headers=headers)


@pytest_asyncio.fixture(scope="module")
async def case(world: World) -> AsyncIterator[Case]:
    users, orders, sagas, gates = {}, {}, {}, []
    for thing in ("own", "foreign"):
        users[thing] = await world.user()
        orders[thing] = await returned(world, users[thing])
        under_way = world.next_order_id()
        gates.append(world.gates.close(workflow_id(under_way), "payment.charge", BEFORE))
        await world.place(await world.product(), user=users[thing])
        await gates[-1].wait_reached()
        sagas[thing] = workflow_id(under_way)
    users["missing"], orders["missing"], sagas["missing"] = "usr_nope", "ord_nope", "order-ord_nope"
    product = await world.product(stock=1000)
    found = Case(world.http, product, users, orders, sagas, {}, {})
    for thing in ("own", "foreign"):
        found.webhooks[thing] = await found.webhook(thing)
        found.deliveries[thing] = await delivered(world, found, thing)
    found.webhooks["missing"], found.deliveries["missing"] = "whk_nope", "msg_nope"
    yield found
    for gate in gates:
        await gate.open()


async def delivered(world: World, case: Case, thing: str) -> str:
    """A delivery to the webhook of this customer that nobody has tried yet; its id."""
    database = Database(world.databases.event_database_url, pool_size=1)
    event = event_of(case.users[thing])
    async with database.transaction() as tx, open_public_http(()) as public:
        await Deliveries(database, public).take(tx, event)
    await database.close()
    return delivery_id(case.webhooks[thing], event.id)


async def returned(world: World, user: str) -> str:
    """An order of this customer that every route has something to say of."""
    sku = await world.product()
    order_id = await world.place(sku, user=user)
    await world.settled(order_id, sku, "confirmed")
    await world.http.post(f"/v1/orders/{order_id}/return")
    await world.client.get_workflow_handle(return_id(order_id)).result()
    return order_id


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    routes = {f"{method} {path}" for method, path, _ in routes_of(app())}
    assert routes == set(EXPECTED)


@pytest.mark.parametrize("route", EXPECTED)
async def test_every_caller_is_answered_as_the_table_says(case: Case, route: str) -> None:
    found = []
    for caller in CALLERS:
        answers = [await case.ask(route, thing, **case.headers(caller)) for thing in THINGS]
        statuses = [str(answer.status_code) for answer in answers]
        found.append(statuses[0] if len(set(statuses)) == 1 else "/".join(statuses))
    assert dict(zip(CALLERS, found, strict=True)) == dict(
        zip(CALLERS, EXPECTED[route], strict=True)
    )


@pytest.mark.parametrize("route", [*OF_AN_ORDER, *OF_A_WEBHOOK, "GET /v1/users/{user_id}"])
async def test_foreign_and_missing_are_byte_for_byte_the_same(case: Case, route: str) -> None:
    headers = case.headers("owner") | {"X-Request-Id": "the-same"}
    foreign, missing = [await case.ask(route, thing, **headers) for thing in THINGS[1:]]
    assert foreign.status_code == missing.status_code == 404
    assert foreign.content == missing.content
    assert foreign.headers.raw == missing.headers.raw


@pytest.mark.parametrize("route", OF_AN_ORDER)
async def test_foreign_and_missing_orders_are_looked_for_in_the_same_places(
    world: World, case: Case, route: str
) -> None:
    """Told by an outage: if only one of them asked Temporal, the answers would differ."""
    nowhere = await Client.connect(
        f"127.0.0.1:{free_port()}", lazy=True, data_converter=pydantic_data_converter
    )
    async with running_api(nowhere, world.services) as http:
        cut_off = replace(case, http=http)
        headers = case.headers("owner")
        answers = [await cut_off.ask(route, thing, **headers) for thing in THINGS[1:]]
    assert [answer.status_code for answer in answers] == [503, 503]


async def test_a_customers_list_holds_its_own_orders_only(case: Case) -> None:
    async def ids(caller: str, query: str) -> set[str]:
        path = f"/v1/orders?limit=100{query}"
        answer = await case.http.get(path, headers=case.headers(caller))
        return {item["id"] for item in answer.json()["items"]}

    both = {case.orders["own"], case.orders["foreign"]}
    foreign = f"&customer_id={case.users['foreign']}"
    assert await ids("owner", "") & both == {case.orders["own"]}
    assert await ids("owner", foreign) == set()
    assert await ids("operator", foreign) & both == {case.orders["foreign"]}
    assert await ids("operator", "") >= both


@pytest.mark.parametrize(("caller", "status"), [("anon", 401), ("other", 403)])
async def test_a_refusal_spends_no_key_and_starts_nothing(
    case: Case, caller: str, status: int
) -> None:
    key, body = {"Idempotency-Key": uuid4().hex}, case.order_of("own")
    refused = await case.http.post("/v1/orders", json=body, headers=case.headers(caller) | key)
    assert refused.status_code == status
    other_body = body | {"payment_method": "pm_card_mastercard"}
    again = await case.http.post("/v1/orders", json=other_body, headers=case.headers("owner") | key)
    assert again.status_code == 202


async def test_the_same_key_of_two_callers_is_two_orders(case: Case) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    ids = []
    for caller, thing in (("owner", "own"), ("other", "foreign")):
        headers = case.headers(caller) | key
        answer = await case.http.post("/v1/orders", json=case.order_of(thing), headers=headers)
        ids.append(answer.json()["id"])
    subjects = [case.users["own"], case.users["foreign"]]
    assert ids == [order_id_for(subject, key["Idempotency-Key"]) for subject in subjects]


async def test_the_caller_is_judged_before_the_body(case: Case) -> None:
    headers = {"Content-Type": "application/json"}
    for caller, status in (("anon", 401), ("owner", 403), ("operator", 422)):
        given = headers | case.headers(caller)
        answer = await case.http.post("/v1/products", content=b"{}", headers=given)
        assert answer.status_code == status


async def test_a_refusal_says_what_would_do(case: Case) -> None:
    nobody = await case.http.get("/v1/sagas", headers=case.headers("anon"))
    assert nobody.headers["www-authenticate"] == 'Bearer realm="order-saga"'
    assert nobody.json()["code"] == "token_missing"
    customer = await case.http.get("/v1/sagas", headers=case.headers("owner"))
    assert customer.headers["www-authenticate"] == (
        'Bearer realm="order-saga", error="insufficient_scope", scope="operator"'
    )
    assert customer.json()["code"] == "insufficient_scope"
    assert customer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("scopes", "status"),
    [((), 403), (("openid", "Operator"), 403), (("openid", "operator"), 200)],
    ids=["none", "none of ours", "one of ours"],
)
async def test_scopes_of_other_systems_are_left_alone(
    case: Case, scopes: tuple[str, ...], status: int
) -> None:
    headers = bearer("somebody", *(scopes or ("",)))
    assert (await case.http.get("/v1/sagas", headers=headers)).status_code == status
    assert (await case.http.get("/v1/products", headers=headers)).status_code == 200


def app() -> FastAPI:
    """The app without a backend: enough to look at its routes."""
    return create_app(lambda: pytest.fail("nothing is opened here"), install)


def test_a_route_that_is_not_declared_cannot_be_made() -> None:
    router = APIRouter(route_class=AuthorizedRoute)
    with pytest.raises(
        UndeclaredRoute, match=re.escape("GET /v1/secrets: say in api/security/authorization.py")
    ):
        router.add_api_route("/v1/secrets", lambda: None)


def test_a_route_that_goes_past_the_declarations_is_found_when_the_app_is_made() -> None:
    undeclared, unguarded, shifted = app(), app(), app()
    undeclared.add_api_route("/v1/secrets", lambda: None)
    with pytest.raises(UndeclaredRoute, match="/v1/secrets"):
        check(undeclared)
    unguarded.add_api_route("/v1/sagas", lambda: None)
    with pytest.raises(UndeclaredRoute, match="route_class=AuthorizedRoute"):
        check(unguarded)
    router = APIRouter(route_class=AuthorizedRoute)
    router.add_api_route("/health/live", lambda: None)
    shifted.include_router(router, prefix="/v1/sagas")
    with pytest.raises(UndeclaredRoute, match="/v1/sagas/health/live"):
        check(shifted)
    shifted.mount("/files", app())
    with pytest.raises(UndeclaredRoute):
        check(shifted)


def test_methods_with_different_needs_are_not_one_route() -> None:
    router = APIRouter(route_class=AuthorizedRoute)
    assert required_scope_of("GET", "/v1/products") is not required_scope_of("POST", "/v1/products")
    with pytest.raises(UndeclaredRoute, match="different routes"):
        router.add_api_route("/v1/products", lambda: None, methods=["GET", "POST"])
