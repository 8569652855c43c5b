"""The OpenAPI document: complete, stable, and readable without another site."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from api import schemas
from api.http import openapi
from tests.support.openapi import SNAPSHOT, breaking, document, snapshot
from tests.support.world import World

REFRESH = f"{SNAPSHOT.name} is not the code's document: run `make openapi` and commit it"
Document = dict[str, Any]
LISTED = {"items", "next_cursor"}
Change = Callable[[Document], Any]


@pytest.fixture(scope="module")
def found() -> Document:
    return document()


def operations(found: Document) -> dict[str, Document]:
    """By operation id."""
    return {item["operationId"]: item for path in found["paths"].values() for item in path.values()}


def test_the_snapshot_is_the_codes_document_and_breaks_no_client(found: Document) -> None:
    broken = breaking(snapshot(), found)
    assert not broken, f"{broken}; if this is meant, run `make openapi BREAKING=yes`"
    assert found == snapshot(), REFRESH


def test_every_operation_is_named_and_says_how_it_may_fail(found: Document) -> None:
    count = sum(len(path) for path in found["paths"].values())
    named = operations(found)
    assert len(named) == count > 15
    for name, operation in named.items():
        assert re.fullmatch("[a-z]+(_[a-z]+)*", name)
        assert operation["summary"]
        assert operation["description"]
        assert operation["tags"]
        assert {int(status) for status in operation["responses"]} >= set(openapi.ANY)
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and "$ref" in answer:
                shared = found["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
                assert list(shared["content"]) == ["application/problem+json"]
    assert "ValidationError" not in found["components"]["schemas"]


def answers_of(found: Document) -> dict[str, Document]:
    """The schema of each operation's answer in JSON, by operation id."""
    schemas = found["components"]["schemas"]
    given = {}
    for name, operation in operations(found).items():
        content = operation["responses"].get("200", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        given[name] = schemas[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    return given


def test_all_lists_are_of_one_shape(found: Document) -> None:
    answers = answers_of(found)
    assert [name for name, schema in answers.items() if schema.get("type") == "array"] == []
    lists = {
        name: schema
        for name, schema in answers.items()
        if {*schema.get("properties", ())} == LISTED
    }
    assert lists.keys() >= {"list_orders", "list_products", "all_events", "list_deliveries"}
    assert all({*schema["required"]} == LISTED for schema in lists.values())
    named = {name for name in answers if name.startswith("list_") or name.endswith("_events")}
    assert named <= lists.keys()


def test_two_functions_of_one_name_are_refused_at_start() -> None:
    app = FastAPI()
    app.add_api_route("/a", test_examples_are_valid, name="same")
    app.add_api_route("/b", test_examples_are_valid, name="same")
    with pytest.raises(ValueError, match="same"):
        openapi.install(app)


@pytest.mark.parametrize(
    "model",
    [
        schemas.PlaceOrderBody,
        schemas.NewUserBody,
        schemas.NewProductBody,
        schemas.AddStockBody,
        schemas.CancelBody,
        schemas.ResolveBody,
        schemas.OrderOut,
    ],
)
def test_examples_are_valid(model: type[Any]) -> None:
    model.model_validate(model.model_json_schema()["example"])


def place(found: Document) -> Document:
    operation: Document = found["paths"]["/v1/orders"]["post"]
    return operation


def schema(name: str) -> Callable[[Document], Document]:
    return lambda found: found["components"]["schemas"][name]


BREAKING: dict[str, Change] = {
    "GET /v1/products: removed": lambda it: it["paths"]["/v1/products"].pop("get"),
    "POST /v1/orders: its operation id": lambda it: place(it).update(operationId="buy"),
    "POST /v1/orders: status 201 removed": lambda it: place(it)["responses"].pop("201"),
    "POST /v1/orders: status 422 removed": lambda it: place(it)["responses"].pop("422"),
    "POST /v1/orders: parameter Prefer removed": lambda it: place(it)["parameters"].pop(),
    "POST /v1/orders: parameter Prefer is required": lambda it: place(it)["parameters"][-1].update(
        required=True
    ),
    "POST /v1/orders/{order_id}/cancel: a body is required": lambda it: it["paths"][
        "/v1/orders/{order_id}/cancel"
    ]["post"]["requestBody"].update(required=True),
    "/colour: is required": lambda it: schema("PlaceOrderBody")(it)["required"].append("colour"),
    "/expected_total: removed": lambda it: schema("PlaceOrderBody")(it)["properties"].pop(
        "expected_total"
    ),
    "/quantity: its type": lambda it: schema("ItemBody")(it)["properties"]["quantity"].update(
        type="string"
    ),
    "/total: removed": lambda it: schema("OrderOut")(it)["properties"].pop("total"),
    "/version: may be missing": lambda it: schema("OrderOut")(it)["required"].remove("version"),
    "['\"lost\"'] added": lambda it: schema("OrderStatus")(it)["enum"].append("lost"),
    "['\"skip\"'] removed": lambda it: schema("Resolving")(it)["enum"].remove("skip"),
    "/code: removed": lambda it: schema("Problem")(it)["properties"].pop("code"),
    "media type application/problem+json removed": lambda it: it["components"]["responses"][
        "NotFound"
    ]["content"].clear(),
}


@pytest.mark.parametrize("line", BREAKING)
def test_what_breaks_clients_is_noticed(found: Document, line: str) -> None:
    changed = copy.deepcopy(found)
    BREAKING[line](changed)
    assert any(line in item for item in breaking(found, changed)), breaking(found, changed)


def test_the_key_is_required_in_the_document(found: Document) -> None:
    required = [
        parameter["name"] for parameter in place(found)["parameters"] if parameter["required"]
    ]
    assert required == ["Idempotency-Key"]


HARMLESS: dict[str, Change] = {
    "nothing": lambda _: None,
    "a new route": lambda it: it["paths"].update({"/v1/new": it["paths"]["/v1/orders"]}),
    "a new status": lambda it: place(it)["responses"].update({"429": {"description": "Later"}}),
    "a new field of an answer": lambda it: schema("OrderOut")(it)["properties"].update(
        colour={"type": "string"}
    ),
    "a new field that may be sent": lambda it: schema("PlaceOrderBody")(it)["properties"].update(
        colour={"type": "string"}
    ),
    "another description": lambda it: place(it).update(description="Buy"),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_what_breaks_no_client_is_let_through(found: Document, change: str) -> None:
    changed = copy.deepcopy(found)
    HARMLESS[change](changed)
    assert breaking(found, changed) == []


async def test_the_page_of_the_document_loads_nothing_from_elsewhere(world: World) -> None:
    page = await world.http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) == 3
    assert "://" not in page.text
    for path in loaded:
        answer = await world.http.get(path)
        assert answer.status_code == 200
        assert len(answer.content) > 1000
    assert (await world.rest("/openapi.json")) == snapshot()
