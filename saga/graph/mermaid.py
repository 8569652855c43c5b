"""A definition as a Mermaid flowchart, which forges and editors draw."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from saga.definition import SagaDefinition
from saga.step import Step, StepKind, activity_name

STYLES = {
    StepKind.READ: "fill:#eef2f7,stroke:#64748b,color:#0f172a",
    StepKind.COMPENSATABLE: "fill:#e0f2fe,stroke:#0369a1,color:#0f172a",
    StepKind.PIVOT: "fill:#fef3c7,stroke:#b45309,color:#0f172a,stroke-width:3px",
    StepKind.RETRIABLE: "fill:#dcfce7,stroke:#15803d,color:#0f172a",
}
UNDO = "fill:#fff,stroke:#b91c1c,color:#0f172a,stroke-dasharray:4"


def mermaid(definition: SagaDefinition) -> str:
    """The flowchart: solid arrows run forward, dashed ones undo."""
    return "\n".join(["flowchart LR", *(f"    {line}" for line in _lines(definition))]) + "\n"


def _lines(definition: SagaDefinition) -> Iterator[str]:
    for step in definition:
        yield f'{step.name}["{_label(step)}"]:::{step.kind}'
    for before, after in pairwise(definition.stages):
        yield f"{_together(before)} --> {_together(after)}"
    undone = undo_order(definition)
    for step in undone:
        assert step.compensation is not None  # noqa: S101 - it is undone
        yield f'undo_{step.name}["{activity_name(step.compensation)}"]:::undo'
        yield f"{step.name} -.- undo_{step.name}"
    for first, then in pairwise(undone):
        yield f"undo_{first.name} -.-> undo_{then.name}"
    for kind in dict.fromkeys(step.kind for step in definition):
        yield f"classDef {kind} {STYLES[kind]}"
    if undone:
        yield f"classDef undo {UNDO}"


def undo_order(definition: SagaDefinition) -> Sequence[Step[Any, Any]]:
    """The steps that have a compensation, the last first; those that conclude behind all others."""
    last_first = [step for step in reversed([*definition]) if step.compensation is not None]
    return sorted(last_first, key=lambda step: step.concludes)


def _label(step: Step[Any, Any]) -> str:
    each = ", once for each" if step.commands is not None else ""
    waits = f"<br/>waits for {step.awaits.what}" if step.awaits else ""
    return f"<b>{step.name}</b><br/>{step.kind}{each}<br/>{activity_name(step.action)}{waits}"


def _together(steps: Sequence[Step[Any, Any]]) -> str:
    return " & ".join(step.name for step in steps)
