"""Whether a saga holds stock, by its definition and by which of its steps stand."""

from collections.abc import Collection

from contracts.names import Queue
from contracts.workflow_io import SagaType
from saga import StepKind
from workflows.sagas import SAGAS


def holds_stock(kind: SagaType, standing: Collection[str]) -> bool:
    """Whether pieces are set aside for it. `standing`: its steps that took effect, and still do.

    What sets pieces aside can be undone; what follows in the stock past the pivot sells them.
    """
    steps = [step for step in SAGAS[kind].definition if step.queue is Queue.INVENTORY]
    set_aside = {step.name for step in steps if step.kind is StepKind.COMPENSATABLE}
    sold = {step.name for step in steps if step.kind is StepKind.RETRIABLE}
    return not set_aside.isdisjoint(standing) and sold.isdisjoint(standing)
