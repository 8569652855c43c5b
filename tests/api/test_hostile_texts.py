"""Text that no database can store, or that is far too long, in every place the document names.

The places are found in the OpenAPI document, so a new field is tried from its first day on.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import TypeAdapter, ValidationError

from contracts.base import MAX_EVIDENCE, MAX_REASON, Evidence, storable, unfit
from tests.support.openapi import document
from tests.support.world import World

HUGE = "x" * 60_000  # just below what a body may have
HOSTILE = {"nul": "a\0b", "surrogate": "a\ud800b", "huge": HUGE, "name": "a"}
DOCUMENT = document()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema that is meant: of several, the first that is not null."""
    if "$ref" in schema:
        return resolved(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    choices = schema.get("anyOf") or schema.get("allOf") or []
    return resolved(choices[0]) if choices else schema


def bodies(schema: dict[str, Any], text: str) -> Iterator[Any]:
    """Values of the schema's shape with this text in one place each, and as a field's name."""
    schema = resolved(schema)
    if schema.get("type") == "string":
        yield text
    elif schema.get("type") == "array":
        yield from ([body] for body in bodies(schema["items"], text))
    elif schema.get("type") == "object":
        fit = schema.get("example", {})
        yield fit | {text: text}
        for name, field in schema.get("properties", {}).items():
            yield from (fit | {name: body} for body in bodies(field, text))


def requests(kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path, options) with the text in every string that each operation takes."""
    text = HOSTILE[kind]
    in_url = quote(text[:7000].encode(errors="surrogatepass"))
    for method, path, operation in operations():
        parameters = operation.get("parameters", [])
        places = [parameter["name"] for parameter in parameters if parameter["in"] == "path"]
        fit = path.format(**dict.fromkeys(places, "order-ord_x"))
        for name in places:
            values = dict.fromkeys(places, "order-ord_x") | {name: in_url}
            yield method, path.format(**values), {}
        for parameter in parameters:
            if parameter["in"] == "query":
                yield method, f"{fit}?{parameter['name']}={in_url}", {}
            elif parameter["in"] == "header":
                yield method, fit, {"headers": {parameter["name"]: in_url}}
        content = operation.get("requestBody", {}).get("content", {})
        for media in content.values():
            for body in bodies(media["schema"], text):
                yield method, fit, {"content": json.dumps(body).encode()}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_every_text_of_the_document_is_taken_or_refused_and_breaks_nothing(
    world: World, kind: str
) -> None:
    tried = 0
    for method, path, options in requests(kind):
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Idempotency-Key": f"hostile-{kind}-{tried}",
        } | options.pop("headers", {})
        answer = await world.http.request(method, path, headers=headers, **options)
        assert answer.status_code < 500, (method, path[:200], str(options)[:200], answer.text)
        answer.content.decode()
        tried += 1
    assert tried > 50


@pytest.mark.parametrize("text", ["", "a", "a\0", "\ud800", "\udfff!", "x" * (MAX_EVIDENCE + 1)])
def test_what_is_refused_at_the_door_is_what_the_schema_refuses(text: str) -> None:
    try:
        TypeAdapter(Evidence).validate_python(text)
    except ValidationError:
        assert unfit(text, MAX_EVIDENCE)
    else:
        assert unfit(text, MAX_EVIDENCE) is None


@pytest.mark.parametrize("text", ["", "fit", "\0" * 5000, "\ud800x" * 300, "x" * 10**6])
def test_what_is_kept_of_a_text_can_be_stored_and_says_if_it_was_cut(text: str) -> None:
    kept = storable(text, MAX_REASON)
    assert unfit(kept, MAX_REASON) is None
    assert kept == text or len(text) < MAX_REASON or kept.endswith("(cut)")
    kept.encode()
