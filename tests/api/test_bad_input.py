"""Bad input gets a problem document that names the field, and nothing is started."""

import base64
import json
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from temporalio.service import RPCError, RPCStatusCode

from api.orders.place_order import order_id_for
from tests.support.tokens import OPERATOR
from tests.support.world import World

GOOD_ITEM = {"sku": "__sku__", "quantity": 1}


def cursor(created_at: str, order_id: str) -> str:
    """A forged one."""
    return base64.urlsafe_b64encode(json.dumps([created_at, order_id]).encode()).decode()


def good(**changes: Any) -> dict[str, Any]:
    """A body that would be accepted, but for the changes; None removes a field."""
    body = {"customer_id": "__user__", "items": [GOOD_ITEM], "payment_method": "pm_card_visa"}
    return {name: value for name, value in (body | changes).items() if value is not None}


async def filled(world: World, value: Any) -> Any:
    """The body with a real user and product."""
    if value == "__user__":
        return await world.user()
    if value == "__sku__":
        return await world.product()
    if isinstance(value, dict):
        return {name: await filled(world, item) for name, item in value.items()}
    if isinstance(value, list):
        return [await filled(world, item) for item in value]
    return value


async def post(world: World, *, key: str | None = None, **request: Any) -> httpx2.Response:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return await world.http.post("/v1/orders", headers=headers, **request)


async def started(world: World, key: str) -> bool:
    try:
        await world.handle(order_id_for(OPERATOR, key)).describe()
    except RPCError as error:
        return error.status != RPCStatusCode.NOT_FOUND
    return True


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body.keys() >= {"type", "title", "status", "detail", "code", "request_id"}
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


INVALID = {
    "quantity 0": (good(items=[GOOD_ITEM | {"quantity": 0}]), "/items/0/quantity"),
    "quantity negative": (good(items=[GOOD_ITEM | {"quantity": -1}]), "/items/0/quantity"),
    "quantity huge": (good(items=[GOOD_ITEM | {"quantity": 10**30}]), "/items/0/quantity"),
    "quantity 1001": (good(items=[GOOD_ITEM | {"quantity": 1001}]), "/items/0/quantity"),
    "quantity fractional": (good(items=[GOOD_ITEM | {"quantity": 1.5}]), "/items/0/quantity"),
    "quantity 1.0": (good(items=[GOOD_ITEM | {"quantity": 1.0}]), "/items/0/quantity"),
    "quantity text": (good(items=[GOOD_ITEM | {"quantity": "1"}]), "/items/0/quantity"),
    "quantity true": (good(items=[GOOD_ITEM | {"quantity": True}]), "/items/0/quantity"),
    "no items": (good(items=[]), "/items"),
    "101 lines": (good(items=[GOOD_ITEM | {"sku": f"S{n}"} for n in range(101)]), "/items"),
    "items no list": (good(items={"sku": "A"}), "/items"),
    "items missing": (good(items=None), "/items"),
    "unknown field": (good(colour="red"), "/colour"),
    "unknown field in an item": (good(items=[GOOD_ITEM | {"size": 1}]), "/items/0/size"),
    "customer missing": (good(customer_id=None), "/customer_id"),
    "customer no text": (good(customer_id=7), "/customer_id"),
    "unknown customer": (good(customer_id="usr_nobody"), "/customer_id"),
    "unknown SKU": (good(items=[GOOD_ITEM, {"sku": "NOPE", "quantity": 1}]), "/items/1/sku"),
    "SKU with a slash": (good(items=[{"sku": "a/b", "quantity": 1}]), "/items/0/sku"),
    "SKU with NUL": (good(items=[{"sku": "a\0", "quantity": 1}]), "/items/0/sku"),
    "payment method empty": (good(payment_method=""), "/payment_method"),
    "expected total a float": (
        good(expected_total={"minor": 5.0, "currency": "EUR"}),
        "/expected_total/minor",
    ),
    "expected total another": (
        good(expected_total={"minor": 499, "currency": "EUR"}),
        "/expected_total",
    ),
    "body a list": ([], ""),
    "body null": (None, ""),
}


@pytest.mark.parametrize("case", INVALID)
async def test_an_invalid_field_is_named_and_nothing_is_started(world: World, case: str) -> None:
    body, pointer = INVALID[case]
    key = uuid4().hex
    answer = await post(world, key=key, json=await filled(world, body))
    assert pointer in {
        error["pointer"] for error in problem(answer, 422, "validation_failed")["errors"]
    }
    assert not await started(world, key)


async def test_a_repeated_sku_is_refused_because_it_may_be_a_mistake(world: World) -> None:
    sku, key = await world.product(), uuid4().hex
    body = good(customer_id=await world.user(), items=[{"sku": sku, "quantity": 1}] * 2)
    errors = problem(await post(world, key=key, json=body), 422, "validation_failed")["errors"]
    assert [(error["pointer"], error["code"]) for error in errors] == [
        ("/items/1/sku", "repeated_sku")
    ]
    assert not await started(world, key)


async def test_products_of_two_currencies_cannot_be_one_order(world: World) -> None:
    skus = [await world.product(), await world.product(currency="USD")]
    items = [{"sku": sku, "quantity": 1} for sku in skus]
    answer = await post(
        world, key=uuid4().hex, json=good(customer_id=await world.user(), items=items)
    )
    errors = problem(answer, 422, "validation_failed")["errors"]
    assert [error["pointer"] for error in errors] == ["/items/1/sku"]


async def test_a_total_that_has_changed_is_told_as_people_read_it(world: World) -> None:
    sku = await world.product(minor=123_450, currency="JPY")
    body = good(customer_id=await world.user(), items=[{"sku": sku, "quantity": 2}])
    expected = {"expected_total": {"minor": 1, "currency": "JPY"}}
    answer = await post(world, key=uuid4().hex, json=body | expected)
    (error,) = problem(answer, 422, "validation_failed")["errors"]
    assert (error["code"], error["detail"]) == ("total_changed", "the total is 246,900 JPY now")


@pytest.mark.parametrize("content", [b"", b"{", b"not json", b'{"a":1,}', b"\xff\xfe"])
async def test_a_body_that_is_no_json_is_refused(world: World, content: bytes) -> None:
    key = uuid4().hex
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    answer = await world.http.post("/v1/orders", content=content, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] in {"invalid_json", "validation_failed"}
    assert not await started(world, key)


@pytest.mark.parametrize("said", ["text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_that_does_not_say_that_it_is_json_is_told_so(world: World, said: str) -> None:
    headers = {"Idempotency-Key": uuid4().hex, "Content-Type": said}
    answer = await world.http.post("/v1/orders", content=b'{"customer_id": "x"}', headers=headers)
    assert "Content-Type" in problem(answer, 415, "unsupported_media_type")["detail"]


async def test_an_order_without_a_key_is_refused(world: World) -> None:
    body = await filled(world, good())
    problem(await post(world, json=body), 400, "idempotency_key_missing")


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tbed"])
async def test_a_malformed_key_is_refused(world: World, key: str) -> None:
    body = await filled(world, good())
    problem(await post(world, key=key, json=body), 400, "idempotency_key_invalid")


async def test_several_faults_are_told_at_once(world: World) -> None:
    body = good(customer_id="usr_nobody", items=[{"sku": "NOPE", "quantity": 1}])
    answer = await post(world, key=uuid4().hex, json=body)
    errors = problem(answer, 422, "validation_failed")["errors"]
    assert {error["pointer"] for error in errors} == {"/customer_id", "/items/0/sku"}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/orders/ord_nope", 404, "unknown_order"),
        ("/v1/orders/ord_nope/saga", 404, "unknown_order"),
        ("/v1/orders/ord_nope/events", 404, "unknown_order"),
        ("/v1/users/usr_nope", 404, "unknown_user"),
        ("/v1/products/NOPE", 404, "unknown_sku"),
        ("/v1/payments/ord_nope", 404, "unknown_payment"),
        ("/v1/orders?limit=0", 422, "validation_failed"),
        ("/v1/orders?status=nice", 422, "validation_failed"),
        ("/v1/orders?limit=101", 422, "validation_failed"),
        ("/v1/orders?created_from=2026-01-01T00:00:00", 422, "validation_failed"),  # no time zone
        ("/v1/orders?created_from=0001-01-01T00:00:00%2B14:00", 422, "validation_failed"),
        ("/v1/orders?created_to=9999-12-31T23:59:59-14:00", 422, "validation_failed"),
        (
            f"/v1/orders?cursor={cursor('0001-01-01T00:00:00+14:00', 'ord_x')}",
            400,
            "invalid_cursor",
        ),
        (f"/v1/orders?cursor={cursor('2026-01-01T00:00:00', 'ord_x')}", 400, "invalid_cursor"),
        ("/v1/orders?created_to=0.5", 422, "validation_failed"),
        ("/v1/orders?created_to=-1", 422, "validation_failed"),
        ("/v1/orders?created_to=yesterday", 422, "validation_failed"),
        ("/v1/orders?cursor=nice", 400, "invalid_cursor"),
        (f"/v1/orders?cursor={cursor('2026-01-01T00:00:00Z', chr(0))}", 400, "invalid_cursor"),
        ("/v2", 404, "not_found"),
    ],
)
async def test_what_is_not_there_or_not_asked_well(
    world: World, path: str, status: int, code: str
) -> None:
    problem(await world.http.get(path), status, code)


async def test_a_cancel_of_an_unknown_order_is_not_found(world: World) -> None:
    problem(await world.http.post("/v1/orders/ord_nope/cancel"), 404, "unknown_order")


async def test_a_wrong_method_is_told_which_are_right(world: World) -> None:
    answer = await world.http.delete("/v1/orders")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"]


async def test_a_product_is_offered_once(world: World) -> None:
    sku = await world.product()
    body = {"sku": sku, "name": "x", "price": {"minor": 1, "currency": "EUR"}, "stock": 1}
    problem(await world.http.post("/v1/products", json=body), 409, "sku_exists")


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/users", {"name": "", "email": "a@b"}, "/name"),
        ("/v1/users", {"name": "A", "email": "nobody"}, "/email"),
        ("/v1/products/X/stock", {"quantity": 0}, "/quantity"),
        (
            "/v1/products",
            {"sku": "X", "name": "x", "price": {"minor": 0, "currency": "EUR"}, "stock": 1},
            "/price/minor",
        ),
        (
            "/v1/products",
            {"sku": "X", "name": "x", "price": {"minor": 1, "currency": "euro"}, "stock": 1},
            "/price/currency",
        ),
    ],
)
async def test_users_and_products_are_checked_too(
    world: World, path: str, body: dict[str, Any], pointer: str
) -> None:
    errors = problem(await world.http.post(path, json=body), 422, "validation_failed")["errors"]
    assert [error["pointer"] for error in errors] == [pointer]


@pytest.mark.parametrize(
    ("minor", "currency", "code"),
    [
        (1000, "IQD", "unsupported_currency"),
        (1000, "XYZ", "unsupported_currency"),
        (1005, "KWD", "not_a_multiple"),
        (1050, "MGA", "not_a_multiple"),
        (1050, "KWD", None),
        (1001, "ISK", None),
    ],
)
async def test_a_product_costs_what_the_payment_provider_takes(
    world: World, minor: int, currency: str, code: str | None
) -> None:
    price = {"minor": minor, "currency": currency}
    body = {"sku": f"{currency}-{minor}", "name": "x", "price": price, "stock": 1}
    answer = await world.http.post("/v1/products", json=body)
    if code is None:
        assert (answer.status_code, answer.json()["price"]) == (201, price)
        return
    errors = problem(answer, 422, "validation_failed")["errors"]
    assert [(error["pointer"], error["code"]) for error in errors] == [("/price", code)]
    problem(await world.http.get(f"/v1/products/{currency}-{minor}"), 404, "unknown_sku")
