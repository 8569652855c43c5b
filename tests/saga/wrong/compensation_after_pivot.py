"""A step after the point of no return that claims that it can be undone."""

from saga import Kind, Step
from tests.saga.toy import QUEUE, Toy

PIVOT = Step(name="pivot", kind=Kind.PIVOT, queue=QUEUE, action=Toy.pivot, fence=Toy.fence)
LATE = Step(
    name="late",
    kind=Kind.COMPENSATABLE,
    queue=QUEUE,
    action=Toy.one,
    compensation=Toy.undo_one,
)
STEPS = (PIVOT, LATE)
