"""Which steps of a saga make a stretch."""

from collections.abc import Mapping, Sequence
from typing import Any

from saga.definition import SagaDefinition
from saga.step import Step, StepKind

Steps = Sequence[Step[Any, Any]]


def find_stretches(definition: SagaDefinition) -> Mapping[str, Steps]:
    """All of two steps and more, as long as can be, each by the name of its first step."""
    found: list[list[Step[Any, Any]]] = [[]]
    past = False
    for stage in definition.stages:
        past = past or stage[0].kind is StepKind.PIVOT
        if len(stage) == 1 and _fits(stage[0], past=past):
            found[-1].append(stage[0])
        else:
            found.append([])
    return {steps[0].name: steps for steps in found if len(steps) > 1}


def _fits(step: Step[Any, Any], *, past: bool) -> bool:
    once = step.command is not None and step.awaits is None
    return once and (past or step.kind is not StepKind.RETRIABLE)
