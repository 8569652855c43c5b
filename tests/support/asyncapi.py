"""The AsyncAPI document of published events, and a JSON Schema file for each type.

`make asyncapi` writes `docs/asyncapi.json` and `contracts/schemas/` anew. It refuses if a consumer
of the present ones could break: then the type needs a new version
(`contracts/events/integration_events.py`).
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from contracts.events.cloudevents import CONTENT_TYPE, CloudEvent, schema_uri, source_of
from contracts.events.integration_events import DATA, PUBLISHERS, VERSIONS, EventType
from infrastructure.messaging.bus import LANES
from tests.support.openapi import breaks_receivers

ROOT = Path(__file__).parents[2]
SNAPSHOT = ROOT / "docs" / "asyncapi.json"
SCHEMAS = ROOT / "contracts" / "schemas"
Node = dict[str, Any]
MODELS = sorted(set(DATA.values()), key=lambda model: model.__name__)


def document() -> Node:
    """The document of the code."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Order saga: events",
            "version": "1",
            "description": "What services publish, as CloudEvents 1.0: at least once, and in order"
            " for each `subject`. The addresses are those of NATS; the envelope is always this.",
        },
        "defaultContentType": CONTENT_TYPE.partition(";")[0],
        "channels": {event_type.value: _channel(event_type) for event_type in EventType},
        "operations": {f"publish.{event_type}": _operation(event_type) for event_type in EventType},
        "components": {
            "messages": {event_type.value: _message(event_type) for event_type in EventType},
            "schemas": _definitions("#/components/schemas/") | _envelopes("#/components/schemas/"),
        },
    }


def schema_file(event_type: EventType) -> tuple[Path, Node]:
    """Where the schema of a type's events is, and what it says: complete in itself."""
    path = SCHEMAS / f"{event_type}.v{VERSIONS[event_type]}.json"
    definitions = _definitions("#/$defs/")
    envelope = _envelope(event_type, "#/$defs/")
    return path, {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_uri(event_type),
        **envelope,
        "$defs": {name: definitions[name] for name in sorted(_find_needed(envelope, definitions))},
    }


def breaking(old: Node, new: Node) -> list[str]:
    """What a consumer by the old document could trip over, a line each."""
    return list(_breaking(old, new))


def _breaking(old: Node, new: Node) -> Iterator[str]:
    schemas = new["components"]["schemas"]
    for name in old["channels"]:
        if name not in new["channels"]:
            yield f"{name}: is no longer published"
    for name, before in old["components"]["schemas"].items():
        if name in schemas:
            yield from breaks_receivers(before, schemas[name], name, (old, new))


def _definitions(prefix: str) -> Node:
    modes = [(model, "serialization") for model in MODELS]
    _, found = models_json_schema(modes, ref_template=prefix + "{model}")  # type: ignore[arg-type]
    definitions: Node = found["$defs"]
    return definitions


def _envelope(event_type: EventType, prefix: str) -> Node:
    schema = CloudEvent.model_json_schema(mode="serialization")
    fixed = {
        "type": {"const": event_type.value, "type": "string"},
        "dataschema": {"const": schema_uri(event_type), "type": "string"},
        "data": {"$ref": prefix + DATA[event_type].__name__},
    }
    description = (DATA[event_type].__doc__ or "").strip()
    return schema | {
        "title": event_type.value,
        "description": description,
        "properties": schema["properties"] | fixed,
        "required": list(schema["properties"]),
    }


def _envelopes(prefix: str) -> Node:
    return {
        f"{event_type}.v{VERSIONS[event_type]}": _envelope(event_type, prefix)
        for event_type in EventType
    }


def _find_needed(node: Any, definitions: Node) -> set[str]:
    if isinstance(node, list):
        return set().union(*(_find_needed(item, definitions) for item in node))
    if not isinstance(node, dict):
        return set()
    found = set().union(*(_find_needed(item, definitions) for item in node.values()))
    if "$ref" in node:
        name = str(node["$ref"]).rpartition("/")[2]
        found |= {name} | _find_needed(definitions[name], definitions)
    return found


def _channel(event_type: EventType) -> Node:
    lanes = [str(lane) for lane in range(LANES)]
    lane = {"enum": lanes, "description": "All events of a subject are in one lane, in order"}
    return {
        "address": f"events.{{lane}}.{event_type}",
        "parameters": {"lane": lane},
        "messages": {event_type.value: {"$ref": f"#/components/messages/{event_type}"}},
    }


def _operation(event_type: EventType) -> Node:
    channel = f"#/channels/{event_type}"
    return {
        "action": "send",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{event_type}"}],
    }


def _message(event_type: EventType) -> Node:
    publisher = next(item for item, them in PUBLISHERS.items() if event_type.startswith(them))
    return {
        "name": event_type.value,
        "title": event_type.value,
        "summary": f"Published by {source_of(publisher)}",
        "contentType": CONTENT_TYPE.partition(";")[0],
        "payload": {"$ref": f"#/components/schemas/{event_type}.v{VERSIONS[event_type]}"},
    }


def format_json(node: Node) -> str:
    """As it stands in a file."""
    return json.dumps(node, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write all of it; 1 if that would break consumers."""
    new = document()
    broken = breaking(json.loads(SNAPSHOT.read_text()), new) if SNAPSHOT.exists() else []
    if broken:
        sys.stdout.write("".join(f"breaks consumers: {line}\n" for line in broken))
        sys.stdout.write("nothing written; give the type a new version instead\n")
        return 1
    SNAPSHOT.write_text(format_json(new))
    SCHEMAS.mkdir(exist_ok=True)
    for event_type in EventType:
        path, schema = schema_file(event_type)
        path.write_text(format_json(schema))
    return 0


if __name__ == "__main__":
    sys.exit(main())
