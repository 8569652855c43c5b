"""`python -m workers.lint`: the saga linter over our sagas and the activities of our workers."""

import sys
from typing import Any, cast

from contracts.names import Queue
from saga import StepKind
from saga.lint import Finding, lint, lint_locks
from saga.step import activity_name
from services.composition import Services
from workers.registration import activities_of
from workflows.sagas import SAGAS


def list_activities() -> dict[str, list[str]]:
    """The names of the activities that workers of each queue have."""
    nobody = cast("Services", _Nobody())  # an activity's name needs no service behind it
    return {
        queue: [activity_name(activity) for activity in activities_of(queue, nobody)]
        for queue in Queue
    }


def findings() -> list[Finding]:
    """What is wrong with our sagas."""
    known = list_activities()
    found = []
    for kind, saga in SAGAS.items():
        found += lint(sys.modules[saga.__module__], known)
        pivots = {
            activity_name(step.action) for step in saga.definition if step.kind is StepKind.PIVOT
        }
        if (saga.definition.name, pivots) != (kind.name, {kind.pivot} - {""}):
            what = f"the saga {saga.definition.name} has the pivot {pivots}, and {kind} does not"
            found.append(
                Finding("contracts/workflow_io.py", 1, what, "Say there what its SagaType is")
            )
    definitions = [saga.definition for saga in SAGAS.values()]
    return [*found, *lint_locks("workflows/isolation.py", definitions)]


class _Nobody:
    def __getattr__(self, name: str) -> Any:
        return None


def main() -> None:
    """Print the findings; exit code 1 if there are any."""
    found = findings()
    for row in found:
        sys.stderr.write(f"{row}\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
