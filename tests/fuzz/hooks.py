"""Lets generated requests reach things that exist: without, nearly every answer would be 404.

Loaded by schemathesis. FUZZ_THINGS names a JSON file with what was prepared. Only requests that are
meant to be valid are touched, and those that follow from an earlier answer are left alone.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis import Case, GenerationMode, HookContext
from schemathesis.generation.meta import TestPhase

THINGS: dict[str, list[str]] = json.loads(Path(os.environ["FUZZ_THINGS"]).read_text())
IN_PATH = {
    "order_id": "orders",
    "user_id": "users",
    "sku": "skus",
    "saga_id": "sagas",
    "webhook_id": "webhooks",
}


@schemathesis.hook
def map_case(context: HookContext, case: Case[Any]) -> Case[Any]:
    """Point at prepared things in about three of four valid requests."""
    meta = case.meta
    if meta is None or meta.generation.mode is not GenerationMode.POSITIVE:
        return case
    if isinstance(case.body, (dict, list)):
        case.body = whole_numbers(case.body)
    if case.operation.definition.raw.get("operationId") == "all_events":
        keep_only_an_id_of_all(case.headers)
    if meta.phase.name is TestPhase.STATEFUL:
        return case
    dice = zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode())
    if dice % 4:
        for name, things in IN_PATH.items():
            if name in (case.path_parameters or {}):
                case.path_parameters[name] = chosen(things, dice)
        if case.operation.definition.raw.get("operationId") == "place_order":
            case.body = orderable(case.body, dice)
    return case


def keep_only_an_id_of_all(headers: Any) -> None:
    """Values are taken over from parameters of one name, here from an order's events."""
    if headers and "-" not in str(headers.get("Last-Event-ID", "-")):
        del headers["Last-Event-ID"]


def chosen(things: str, dice: int) -> str:
    """One of the prepared things."""
    return THINGS[things][dice // 4 % len(THINGS[things])]


def orderable(body: Any, dice: int) -> Any:
    """The same order, of a customer and of products that exist."""
    items = body["items"][: len(THINGS["skus"])]
    for item, sku in zip(items, THINGS["skus"], strict=False):
        item["sku"] = sku
    return body | {"customer_id": chosen("users", dice), "items": items}


def whole_numbers(value: Any) -> Any:
    """5.0 is an integer to JSON Schema; we refuse it on purpose, as money is never a float."""
    if isinstance(value, dict):
        return {name: whole_numbers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
