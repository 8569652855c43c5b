"""What the author of a saga imports, from `saga`, which loads this when it is asked for."""

from saga.definition import SagaDefinition
from saga.earlier_runs import EarlierRuns
from saga.messages import (
    HELD_BACK,
    BlockedStepEvent,
    Call,
    FailureCause,
    FailureKind,
    Outcome,
    PendingStepEvent,
    Resolution,
    Resolving,
    Role,
    pending,
    rejection,
)
from saga.saga import Saga
from saga.step import AwaitedAnswer, AwaitedOutcome, Refusal, Step, StepKind
from saga.view import SagaState, SagaView, StepState, StepView, WaitView

__all__ = [
    "HELD_BACK",
    "AwaitedAnswer",
    "AwaitedOutcome",
    "BlockedStepEvent",
    "Call",
    "EarlierRuns",
    "FailureCause",
    "FailureKind",
    "Outcome",
    "PendingStepEvent",
    "Refusal",
    "Resolution",
    "Resolving",
    "Role",
    "Saga",
    "SagaDefinition",
    "SagaState",
    "SagaView",
    "Step",
    "StepKind",
    "StepState",
    "StepView",
    "WaitView",
    "pending",
    "rejection",
]
