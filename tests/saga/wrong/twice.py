"""Two steps of one activity."""

from saga import Kind, SagaDefinition, Step
from tests.saga.toy import QUEUE, Toy, command

FIRST = Step(name="first", kind=Kind.READ, queue=QUEUE, command=command, action=Toy.two)
SECOND = Step(name="second", kind=Kind.READ, queue=QUEUE, command=command, action=Toy.two)
TWICE = SagaDefinition("Twice", (FIRST, SECOND))
