"""A saga as one declaration: its workflow's type, its steps in order, and its deadline."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from saga.isolation import Countermeasure, check_countermeasures
from saga.step import Step, StepKind

PlannedStep = tuple[Step[Any, Any], Any]  # a step as it is done once, and its command


@dataclass(frozen=True)
class SagaDefinition:
    """What a saga does. `name` is its workflow's type; `steps` run in this order.

    A step in a tuple of its own runs side by side with the others there. A saga whose path depends
    on more than its input passes `Saga.run` a path of its own; it has the same steps.

    Past `deadline` the saga is undone as timed out, unless its pivot has begun. `isolation`: what
    keeps it apart from others that meet it, which its steps do (`saga.isolation`).

    ValueError, and how to mend it, for what could not be undone or could not be carried out: a step
    without a command, two of one name, two pivots, one beside other steps or done several times, a
    compensatable step behind the pivot, a retriable one before it; a lock that is never released.
    """

    name: str
    steps: Sequence[Step[Any, Any] | Sequence[Step[Any, Any]]]
    deadline: timedelta | None = None
    isolation: Sequence[Countermeasure] = ()

    def __post_init__(self) -> None:
        names, past = set[str](), False
        has_pivot = any(step.kind is StepKind.PIVOT for step in self)
        for stage in self.stages:
            if not stage:
                raise ValueError(f"saga {self.name}: a tuple of steps is empty: take it out")
            for step in stage:
                if step.kind is StepKind.PIVOT and (len(stage) > 1 or step.commands is not None):
                    self._refuse(step, "runs beside others, or several times: a pivot is alone")
        for step in self:
            if (step.command is None) == (step.commands is None):
                self._refuse(step, "has no command, or two: give it command= or commands=")
            if "#" in step.name:
                self._refuse(step, "has a name that a generation could have: take out the #")
            if step.name in names:
                self._refuse(step, "has the name of an earlier step: give it its own name")
            if past and step.kind is StepKind.PIVOT:
                self._refuse(step, "is a second pivot: a saga has one point of no return")
            if past and step.kind is StepKind.COMPENSATABLE:
                self._refuse(step, "comes after the pivot: move it before, or make it retriable")
            if has_pivot and not past and step.kind is StepKind.RETRIABLE:
                self._refuse(step, "comes before the pivot: move it, or give it a compensation")
            names.add(step.name)
            past = past or step.kind is StepKind.PIVOT
        check_countermeasures(self.name, [*self], self.isolation)

    def __iter__(self) -> Iterator[Step[Any, Any]]:
        """All its steps, in order."""
        return (step for stage in self.stages for step in stage)

    @property
    def stages(self) -> Iterator[Sequence[Step[Any, Any]]]:
        """What runs side by side, in order: mostly one step each."""
        return ((stage,) if isinstance(stage, Step) else stage for stage in self.steps)

    def plan(self, given: Any) -> Mapping[str, PlannedStep]:
        """All that the saga may do with this input, in order, by the name of step and generation.

        Known before anything runs, so that it can be undone whatever became of an earlier run.
        """
        return {done.name: (done, what) for step in self for done, what in step.plan(given)}

    def _refuse(self, step: Step[Any, Any], why: str) -> None:
        raise ValueError(f"saga {self.name}: step {step.name} {why}")
