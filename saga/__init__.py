"""The saga kernel: a table of steps, run forward, and undone in reverse when it must be.

It knows Temporal and nothing of orders. A `SagaDefinition` says what there is to do; a workflow
runs it by `Saga.run`; activities raise `rejection` for a business "no".
"""

from saga.call import HELD_BACK, Call, Cause, Ending, Outcome, rejection
from saga.definition import SagaDefinition
from saga.duties import Notice
from saga.lives import Later
from saga.parking import Resolution, Resolving, Role
from saga.runner import Saga
from saga.step import Kind, Refusal, Step, Waits
from saga.view import SagaState, SagaView, StepState, StepView, WaitView

__all__ = [
    "HELD_BACK",
    "Call",
    "Cause",
    "Ending",
    "Kind",
    "Later",
    "Notice",
    "Outcome",
    "Refusal",
    "Resolution",
    "Resolving",
    "Role",
    "Saga",
    "SagaDefinition",
    "SagaState",
    "SagaView",
    "Step",
    "StepState",
    "StepView",
    "WaitView",
    "Waits",
    "rejection",
]
