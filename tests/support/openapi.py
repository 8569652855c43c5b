"""The snapshot of the OpenAPI document, and what of a change would break clients.

`make openapi` writes the snapshot anew. It refuses if that would break clients, unless told that
this is meant: `make openapi BREAKING=yes`.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from api.app import create_app
from api.dependencies import Backend
from api.http.openapi import there_or_not

SNAPSHOT = Path(__file__).parents[2] / "docs" / "openapi.json"
Node = dict[str, Any]


def document() -> Node:
    """The document of the code."""

    def never() -> AbstractAsyncContextManager[Backend]:
        raise AssertionError("the app is not started for its document")

    found: Node = json.loads(json.dumps(create_app(never).openapi()))
    return found


def snapshot() -> Node:
    """The document that clients were made from."""
    found: Node = json.loads(SNAPSHOT.read_text())
    return found


def breaking(old: Node, new: Node) -> list[str]:
    """What a client of the old document could trip over, a line each; empty if nothing."""
    return list(_Comparison(old, new).lines())


def breaks_receivers(before: Node, after: Node, where: str, roots: tuple[Node, Node]) -> list[str]:
    """What whoever receives values of the first schema could trip over in those of the second."""
    return list(_Comparison(*roots)._schema(before, after, where, sent=False))


class _Comparison:
    def __init__(self, old: Node, new: Node) -> None:
        self._old = old
        self._new = new

    def lines(self) -> Iterator[str]:
        for path, operations in self._old["paths"].items():
            for method, before in operations.items():
                where = f"{method.upper()} {path}"
                after = self._new["paths"].get(path, {}).get(method)
                if after is None:
                    yield f"{where}: removed"
                else:
                    yield from self._operation(before, after, where)

    def _operation(self, before: Node, after: Node, where: str) -> Iterator[str]:
        if before["operationId"] != after["operationId"]:
            yield f"{where}: its operation id has changed"
        yield from self._parameters(before, after, where)
        yield from self._body(before.get("requestBody"), after.get("requestBody"), where)
        for status, answer in before["responses"].items():
            if status not in after["responses"]:
                yield f"{where}: status {status} removed"
                continue
            there = self._resolve(after["responses"][status], self._new).get("content", {})
            for media, content in self._resolve(answer, self._old).get("content", {}).items():
                at = f"{where} {status}"
                if media not in there:
                    yield f"{at}: media type {media} removed"
                else:
                    yield from self._schema(content, there[media], at, sent=False)

    def _parameters(self, before: Node, after: Node, where: str) -> Iterator[str]:
        old = {(item["in"], item["name"]): item for item in before.get("parameters", ())}
        new = {(item["in"], item["name"]): item for item in after.get("parameters", ())}
        for key in old.keys() - new.keys():
            yield f"{where}: parameter {key[1]} removed"
        for key, parameter in new.items():
            if parameter.get("required") and not old.get(key, {}).get("required"):
                yield f"{where}: parameter {key[1]} is required now"
        for key in old.keys() & new.keys():
            was, will_be = (there_or_not(item["schema"]) for item in (old[key], new[key]))
            yield from self._schema(was, will_be, f"{where} ?{key[1]}", sent=True)

    def _body(self, before: Node | None, after: Node | None, where: str) -> Iterator[str]:
        if after and after.get("required") and not (before or {}).get("required"):
            yield f"{where}: a body is required now"
        if before and not after:
            yield f"{where}: the body is removed"
        elif before and after:
            for media, content in before["content"].items():
                if media in after["content"]:
                    yield from self._schema(content, after["content"][media], where, sent=True)
                else:
                    yield f"{where}: media type {media} removed"

    def _schema(self, before: Node, after: Node, where: str, *, sent: bool) -> Iterator[str]:
        """Compare two schemas; `sent` by the client, or received."""
        old = self._resolve(before.get("schema", before), self._old)
        new = self._resolve(after.get("schema", after), self._new)
        if old.get("type") != new.get("type"):
            yield f"{where}: its type has changed"
        yield from self._choices(old, new, where, sent=sent)
        were, are = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(are - were if sent else were - are):
            yield f"{where}/{name}: {'is required now' if sent else 'may be missing now'}"
        fields = new.get("properties", {})
        for name, field in old.get("properties", {}).items():
            if name in fields:
                yield from self._schema(field, fields[name], f"{where}/{name}", sent=sent)
            else:
                yield f"{where}/{name}: removed"
        for part in ("items", "additionalProperties"):
            if isinstance(old.get(part), dict) and isinstance(new.get(part), dict):
                yield from self._schema(old[part], new[part], f"{where}/*", sent=sent)

    def _choices(self, old: Node, new: Node, where: str, *, sent: bool) -> Iterator[str]:
        """Values, and alternatives: fewer may be sent, or more received, than clients know."""
        for kind in ("enum", "anyOf"):
            were = {self._key(item, self._old) for item in old.get(kind, ())}
            are = {self._key(item, self._new) for item in new.get(kind, ())}
            surprising = were - are if sent else are - were
            if surprising and were:
                yield f"{where}: {sorted(surprising)} {'removed' if sent else 'added'}"

    def _key(self, choice: Any, root: Node) -> str:
        return json.dumps(self._resolve(choice, root) if isinstance(choice, dict) else choice)

    def _resolve(self, node: Node, root: Node) -> Node:
        while "$ref" in node:
            found: Any = root
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node


def main() -> int:
    """Write the snapshot; 1 if that would break clients and is not said to be meant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--breaking", action="store_true", help="it breaks clients, and is meant")
    options = parser.parse_args()
    new = document()
    broken = breaking(snapshot(), new) if SNAPSHOT.exists() else []
    sys.stdout.write("".join(f"breaks clients: {line}\n" for line in broken))
    if broken and not options.breaking:
        sys.stdout.write("nothing written; say `make openapi BREAKING=yes` if this is meant\n")
        return 1
    SNAPSHOT.write_text(json.dumps(new, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
