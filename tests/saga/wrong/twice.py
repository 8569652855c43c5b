"""Two steps of one activity."""

from saga import SagaDefinition, Step, StepKind
from tests.saga.toy import QUEUE, Toy, command

FIRST = Step(name="first", kind=StepKind.READ, queue=QUEUE, command=command, action=Toy.two)
SECOND = Step(name="second", kind=StepKind.READ, queue=QUEUE, command=command, action=Toy.two)
TWICE = SagaDefinition("Twice", (FIRST, SECOND))
