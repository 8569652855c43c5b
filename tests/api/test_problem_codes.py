"""Every code of a problem is in the OpenAPI document, and no other can be given."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic_core import core_schema

from api.http.openapi import ProblemDocument
from api.http.problem_codes import CODES, FIELD_CODES, field_code_of
from api.http.problem_details import of_service_error
from saga.participant import CircuitOpen, Conflict, Rejected, Unavailable
from tests.api.test_bad_input import good, post, problem
from tests.support.openapi import document
from tests.support.reference import errors
from tests.support.world import World


def schemas() -> dict[str, Any]:
    found: dict[str, Any] = document()["components"]["schemas"]
    return found


def test_the_document_has_all_codes_that_the_code_can_give() -> None:
    told = {*schemas()["Problem"]["properties"]["code"]["enum"]}
    assert told == CODES
    assert {*errors.of_api(), *errors.of_gateway()} <= told
    assert told <= {*errors.of_api(), *errors.of_gateway(), *errors.of_services()}
    assert "circuit_open" in told


def test_the_document_has_all_codes_of_fields() -> None:
    told = {*schemas()["Fault"]["properties"]["code"]["enum"]}
    assert told == FIELD_CODES
    assert {field_code_of(fault) for fault in get_args(core_schema.ErrorType)} <= told


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (CircuitOpen("", retry_after=1), 503, "circuit_open"),
        (Unavailable(""), 503, "unavailable"),
        (Rejected("sku_exists", ""), 409, "sku_exists"),
        (Rejected("stock_not_held", ""), 500, "internal_error"),
        (Conflict("", expected=1, actual=2), 500, "internal_error"),
    ],
)
def test_a_code_of_a_step_does_not_escape_by_a_route(
    error: Rejected | Conflict | Unavailable, status: int, code: str
) -> None:
    found = of_service_error(error)
    assert (found.status, found.code) == (status, code)


def field_codes(body: dict[str, Any]) -> Iterator[str]:
    for fault in body["errors"]:
        yield fault["code"]


async def test_a_field_is_named_with_a_code_of_ours(world: World) -> None:
    item = {"sku": "a b", "quantity": 0}
    body = good(items=[item, {"sku": "A", "quantity": "x"}], customer_id=None, colour="red")
    refused = problem(await post(world, key="codes", json=body), 422, "validation_failed")
    ProblemDocument.model_validate(refused)
    assert sorted(field_codes(refused)) == [
        "missing",
        "out_of_range",
        "unknown_field",
        "wrong_form",
        "wrong_type",
    ]
    refused = problem(await world.http.get("/v1/orders?status=lost"), 422, "validation_failed")
    assert [*field_codes(refused)] == ["not_one_of"]


async def test_what_the_framework_refuses_by_itself_has_a_code_of_ours(world: World) -> None:
    problem(await world.http.get("/v1/nothing"), 404, "not_found")
    problem(await world.http.put("/v1/orders"), 405, "method_not_allowed")
