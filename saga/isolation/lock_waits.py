"""Who waits for another saga's lock, as the failure of its activity says on its way to people.

It is no part of running a saga: to the kernel, such an attempt is one that has failed and is
retried, and that parks if it goes on for too long.
"""

from temporalio.exceptions import ApplicationError

LOCKED = "Locked"  # the type of an activity's error: another saga has the lock


def find_holder(error: BaseException) -> str | None:
    """The saga whose lock an activity's attempt has met; None if it failed for something else."""
    failure: BaseException | None = error
    while failure is not None:
        if isinstance(failure, ApplicationError):
            return str(failure.details[0]) if failure.type == LOCKED and failure.details else None
        failure = failure.__cause__
    return None
