"""What a plan is made of: the calls that were recorded, what has a saga undone, single faults."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from saga import Step, StepKind
from saga.verify.faults import Fault, InjectionPoint, Schedule

REJECTED, TIMED_OUT, CANCELLED = (
    frozenset({name}) for name in ("rejected", "timed_out", "cancelled")
)

# What makes the saga undo all its steps, and the status that it then has.
Triggers = Sequence[tuple[Fault, frozenset[str]]]


@dataclass(frozen=True)
class Recording:
    """What was called, in order: by a run that completed; by one that was undone at its pivot;

    and for the record, when the last step of all was blocked for a while. `probes`, by the action
    that they ask after: when every reply of that was lost.
    """

    forward: Sequence[InjectionPoint]
    undoing: Sequence[InjectionPoint]
    notes: Sequence[InjectionPoint]
    probes: Mapping[InjectionPoint, InjectionPoint] = field(default_factory=dict)


@dataclass(frozen=True)
class Calls:
    """A recording, told apart: `before` are the calls before the pivot, `binding` those from it on.

    `refusable`: those reads before it that their service may be made to refuse. `completed`: the
    status of a saga that is not undone.
    """

    recording: Recording
    before: Sequence[InjectionPoint]
    binding: Sequence[InjectionPoint]
    refusable: Set[InjectionPoint]
    completed: frozenset[str]
    steps: Mapping[str, Step[Any, Any]]

    @property
    def undone_again(self) -> frozenset[str]:
        """How else a saga may end that begins anew though an earlier run of it undid all.

        Its actions are refused then, since they are undone. Only a compensation that concludes the
        saga knows why that was.
        """
        concludes = any(step.concludes for step in self.steps.values())
        return frozenset() if concludes else REJECTED

    @property
    def pivot(self) -> InjectionPoint | None:
        """The pivot; without one, the last call that its service can refuse, if there is any."""
        if self.binding:
            return self.binding[0]
        kinds = {StepKind.READ, StepKind.COMPENSATABLE}
        return next((call for call in reversed(self.before) if self.step(call).kind in kinds), None)

    def step(self, point: InjectionPoint) -> Step[Any, Any]:
        """The step that is called there, whichever time."""
        return self.steps[point.step.partition("#")[0]]


def classify_calls(
    recording: Recording,
    steps: Iterable[Step[Any, Any]],
    *,
    refusals: Collection[str],
    completed: str,
) -> Calls:
    """Tell the calls of a recording apart. `refusals`: the activities that can be refused."""
    by_name = {step.name: step for step in steps}
    kinds = [by_name[point.step.partition("#")[0]].kind for point in recording.forward]
    pivot = kinds.index(StepKind.PIVOT) if StepKind.PIVOT in kinds else len(kinds)
    before, binding = recording.forward[:pivot], recording.forward[pivot:]
    reads = {point for point, kind in zip(before, kinds, strict=False) if kind is StepKind.READ}
    refusable = {point for point in reads if point.activity in refusals}
    return Calls(recording, before, binding, refusable, frozenset({completed}), by_name)


def schedules_at(
    point: InjectionPoint, kinds: Sequence[StrEnum], expects: frozenset[str]
) -> Iterator[Schedule]:
    """Each kind of fault at a point, alone."""
    for kind in kinds:
        yield Schedule((Fault(point, kind),), expects=expects)
