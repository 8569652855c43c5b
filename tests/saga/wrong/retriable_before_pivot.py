"""A step that must succeed, before anything is binding."""

from saga import Kind, Step
from tests.saga.toy import QUEUE, Toy

EARLY = Step(name="early", kind=Kind.RETRIABLE, queue=QUEUE, action=Toy.last)
PIVOT = Step(name="pivot", kind=Kind.PIVOT, queue=QUEUE, action=Toy.pivot, fence=Toy.fence)
STEPS = (EARLY, PIVOT)
