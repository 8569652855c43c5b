"""The saga kernel: a table of steps, run forward, and undone in reverse when it must be.

It knows Temporal and nothing of orders. A workflow declares `Step`s, then runs plain Python under
`Saga.run`; activities raise `rejection` for a business "no". See DESIGN in ARCHITECTURE.md for the
promises that it keeps.
"""

from saga.call import Call, Cause, Ending, rejection
from saga.runner import Outcome, Saga
from saga.step import Kind, Step
from saga.view import SagaState, SagaView, StepState, StepView

__all__ = [
    "Call",
    "Cause",
    "Ending",
    "Kind",
    "Outcome",
    "Saga",
    "SagaState",
    "SagaView",
    "Step",
    "StepState",
    "StepView",
    "rejection",
]
