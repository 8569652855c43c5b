"""One fault of one of those who meet: where it strikes, and what else others may then be told."""

from collections.abc import Iterator, Mapping

from saga import StepKind
from saga.step import activity_name
from saga.verify.concurrent.pair import Pair, SagaPartner
from saga.verify.faults import Fault, InjectionPoint, Schedule
from saga.verify.kinds import Kind

# What ends by itself, and soon: nobody has to be asked, and no attempt is held.
ANYWHERE = (Kind.FAILS_ONCE, Kind.REPLY_LOST)
UNDONE_BY = (Kind.REJECTED,)
UNDONE = {StepKind.READ, StepKind.COMPENSATABLE, StepKind.PIVOT}  # if they are rejected


def one_fault(pair: Pair) -> Iterator[tuple[str, Mapping[str, Schedule]]]:
    """Each fault at each action of a side that is a saga: its name, and schedules by side."""
    for side, partner in zip(pair.letters, pair.sides, strict=True):
        if not isinstance(partner, SagaPartner):
            continue
        for step in partner.subject.steps:
            point = InjectionPoint(step.name, activity_name(step.action))
            for kind in (*ANYWHERE, *(UNDONE_BY if step.kind in UNDONE else ())):
                fault = Fault(point, kind)
                yield f"{side} {fault}", {side: Schedule((fault,))}
