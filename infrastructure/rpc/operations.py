"""A service's Protocol as operations that can be sent: one a method, arguments and result as JSON.

The Protocol is the only description there is. The server's routes, the OpenAPI document and the
client are all made of it, so they cannot drift apart.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_type_hints

from pydantic import BaseModel, TypeAdapter, create_model


@dataclass(frozen=True)
class Operation:
    """One method: `arguments` is a model with a field for each, `result` the type it returns.

    `name` is how it is called on the wire: as the method, unless that was renamed.
    """

    name: str
    description: str
    signature: inspect.Signature
    arguments: type[BaseModel]
    result: Any

    @classmethod
    def of(cls, method: Callable[..., Any]) -> "Operation":
        """Read a Protocol's method. TypeError if an argument or the result has no type."""
        signature, hints = inspect.signature(method), get_type_hints(method, include_extras=True)
        names = [name for name in signature.parameters if name != "self"]
        if missing := {*names, "return"} - hints.keys():
            raise TypeError(f"{method.__qualname__}: no type for {sorted(missing)}")
        fields: dict[str, Any] = {
            name: (hints[name], _read_default(signature.parameters[name])) for name in names
        }
        wire_name = vars(method).get("wire_name", method.__name__)
        title = "".join(part.capitalize() for part in wire_name.split("_"))
        return cls(
            name=wire_name,
            description=inspect.getdoc(method) or "",
            signature=signature,
            arguments=create_model(f"{title}Arguments", **fields),
            result=hints["return"],
        )

    def encode(self, *args: Any, **kwargs: Any) -> bytes:
        """The arguments of a call, as JSON. TypeError if they do not fit the method."""
        given = self.signature.bind(None, *args, **kwargs).arguments
        given.pop("self")
        return self.arguments(**given).model_dump_json().encode()

    def decode(self, answer: bytes) -> Any:
        """The result, from JSON. ValidationError if it is none of this operation."""
        return self._adapter.validate_json(answer)

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.result)


def operations(protocol: type) -> dict[str, Operation]:
    """All operations of a service, by the names of their methods."""
    methods = inspect.getmembers(protocol, inspect.iscoroutinefunction)
    return {name: Operation.of(method) for name, method in methods if not name.startswith("_")}


def path_of(service: str, operation: str) -> str:
    """Where an operation is called."""
    return f"/v1/{service}/{operation}"


def _read_default(parameter: inspect.Parameter) -> Any:
    return ... if parameter.default is inspect.Parameter.empty else parameter.default
