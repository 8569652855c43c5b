"""Stripe's form-encoded parameters: `amount=100&metadata[order_id]=ord_1`."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from sandbox.errors import Fault

NESTED = re.compile(r"^(\w+)\[(.+)\]$")


def parse(encoded: bytes) -> dict[str, str]:
    """Decode a form body or a query string."""
    return dict(parse_qsl(encoded.decode(), keep_blank_values=True))


class Params:
    """Typed access to one request's parameters; whatever is not as Stripe wants it is a Fault."""

    def __init__(self, values: Mapping[str, str], *, allowed: set[str]) -> None:
        self._values = values
        for name in values:
            nested = NESTED.match(name)
            if (nested[1] if nested else name) not in allowed:
                raise Fault.invalid(
                    name, f"Received unknown parameter: {name}", code="parameter_unknown"
                )

    def text(self, name: str) -> str | None:
        """An optional text; empty counts as absent."""
        return self._values.get(name) or None

    def require(self, name: str) -> str:
        """A text that must be there."""
        if not (value := self.text(name)):
            raise Fault.invalid(name, f"Missing required param: {name}.", code="parameter_missing")
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number; required if there is no default."""
        if default is not None and not self.text(name):
            return default
        value = self.require(name)
        if not re.fullmatch(r"-?\d{1,18}", value):
            raise Fault.invalid(name, f"Invalid integer: {value}", code="parameter_invalid_integer")
        return int(value)

    def flag(self, name: str) -> bool:
        """An optional `true` or `false`."""
        value = self._values.get(name, "false")
        if value not in {"true", "false"}:
            raise Fault.invalid(name, f"Invalid boolean: {value}")
        return value == "true"

    def mapping(self, name: str) -> dict[str, str]:
        """Everything of the form `name[key]=value`."""
        found = ((NESTED.match(full), value) for full, value in self._values.items())
        return {match[2]: value for match, value in found if match and match[1] == name}

    def period(self, name: str) -> dict[str, int | None]:
        """`name[gte]` and `name[lt]`, in Unix seconds; None if not given."""
        given = self.mapping(name)
        for bound in given.values():
            if not bound.isdigit():
                raise Fault.invalid(name, f"Invalid timestamp: {bound}")
        return {bound: int(given[bound]) if bound in given else None for bound in ("gte", "lt")}
