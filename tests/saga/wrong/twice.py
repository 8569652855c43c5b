"""Two steps of one name, and two of one activity."""

from saga import Kind, Step
from tests.saga.toy import QUEUE, Toy

FIRST = Step(name="same", kind=Kind.READ, queue=QUEUE, action=Toy.one)
SECOND = Step(name="same", kind=Kind.READ, queue=QUEUE, action=Toy.two)
THIRD = Step(name="third", kind=Kind.READ, queue=QUEUE, action=Toy.two)
STEPS = (FIRST, SECOND, THIRD)
