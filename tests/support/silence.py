"""Services that do not answer."""

from typing import Any, TypeVar, cast

from saga.participant import Unavailable

T = TypeVar("T")


def silence(service: T, *methods: str) -> T:
    """This service, whose methods of these names, or all if none is named, raise Unavailable."""
    return cast("T", _Silent(service, frozenset(methods)))


class _Silent:
    def __init__(self, service: Any, methods: frozenset[str]) -> None:
        self._service = service
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        if self._methods and name not in self._methods:
            return getattr(self._service, name)

        async def refuse(*_: Any, **__: Any) -> None:
            raise Unavailable(f"{name} is not answered")

        return refuse
