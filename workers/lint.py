"""`python -m workers.lint`: the saga linter over our sagas and the activities of our workers."""

import sys
from types import ModuleType
from typing import Any, cast

from contracts.names import Queue
from saga.lint import Finding, lint
from saga.step import activity_name
from services.composition import Services
from workers.queues import WORKFLOWS, activities_of


def registered() -> dict[str, list[str]]:
    """The names of the activities that workers of each queue have."""
    nobody = cast("Services", _Nobody())  # an activity's name needs no service behind it
    return {queue: [activity_name(it) for it in activities_of(queue, nobody)] for queue in Queue}


def findings() -> list[Finding]:
    """What is wrong with our sagas."""
    modules: dict[str, ModuleType] = {}
    for workflows in WORKFLOWS.values():
        modules |= {it.__module__: sys.modules[it.__module__] for it in workflows}
    known = registered()
    return [found for module in modules.values() for found in lint(module, known)]


class _Nobody:
    def __getattr__(self, name: str) -> Any:
        return None


def main() -> None:
    """Print the findings; exit code 1 if there are any."""
    found = findings()
    for it in found:
        sys.stderr.write(f"{it}\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
