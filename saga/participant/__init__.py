"""What a service imports to be a correct participant of a saga.

This package uses the standard library alone: a step's key, what a service may answer
instead of a result, and the states of a barrier's rows. Its modules:

    barrier, barrier_table   the barrier in a service's own PostgreSQL; with them go
    clean_action,
    driver_statement         an action in one statement, by asyncpg itself, and
    digest, records          the digest of a command and the rows as messages: the extra `postgres`
    outbox, observer         what the service may give its barrier: events to publish, counters
    activity_errors          for activities: the key of a call, and which errors Temporal retries

A service imports all but the last. None of those uses Temporal or the kernel, nor loads them:
`saga` loads its own names when they are asked for.
"""

from saga.participant.errors import (
    CircuitOpen,
    Compensated,
    Conflict,
    KeyReused,
    Locked,
    NotFound,
    Pending,
    Rejected,
    ServiceError,
    Unavailable,
)
from saga.participant.key import StepKey
from saga.participant.states import Op, State

__all__ = [
    "CircuitOpen",
    "Compensated",
    "Conflict",
    "KeyReused",
    "Locked",
    "NotFound",
    "Op",
    "Pending",
    "Rejected",
    "ServiceError",
    "State",
    "StepKey",
    "Unavailable",
]
