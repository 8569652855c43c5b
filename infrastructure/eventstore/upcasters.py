"""Events of old schemas, read as if they were written today.

An event's row says the version of its type's schema. When a type changes, its old events stay as
they are, and an upcaster takes the data of one version to the next.
"""

from collections.abc import Callable, Mapping
from typing import Any

Data = dict[str, Any]
Upcast = Callable[[Data], Data]


class Upcasters:
    """By type and version, what takes its data to the next version. ValueError if one lacks."""

    def __init__(self, steps: Mapping[tuple[str, int], Upcast]) -> None:
        self._steps = dict(steps)
        self._newest: dict[str, int] = {}
        for event_type, version in sorted(self._steps):
            if version != self.newest(event_type):
                raise ValueError(f"{event_type}: no upcaster from version {version - 1}")
            self._newest[event_type] = version + 1

    def newest(self, event_type: str) -> int:
        """The version that is written today; 1 for a type that never changed."""
        return self._newest.get(event_type, 1)

    def lift(self, event_type: str, version: int, data: Data) -> Data:
        """The data in the newest version. ValueError if a newer release wrote it."""
        if version > self.newest(event_type):
            raise ValueError(f"{event_type} of version {version} was written by a newer release")
        for known in range(version, self.newest(event_type)):
            data = self._steps[event_type, known](data)
        return data


UNCHANGED = Upcasters({})
