"""Why an activity is retried, in the words of whoever failed, whatever they are wrapped in."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.exceptions import ApplicationError

from activities.executions import Execution
from contracts.base import format_time
from contracts.workflow_io import PLACING
from saga import StepKind
from saga.isolation.lock_waits import find_holder
from saga.messages import is_held_back
from saga.step import activity_name
from workflows.sagas import SAGAS

BOUND = {StepKind.READ, StepKind.COMPENSATABLE}  # past whose time the saga is undone
TIMES_OUT = {
    activity_name(step.action): (
        "all that was begun is undone, and the order ends as timed_out"
        if kind is PLACING
        else "what was begun is undone, and the order stays as it was"
    )
    for kind, saga in SAGAS.items()
    for step in saga.definition
    if step.kind in BOUND
}
PARKS = "it waits for an operator, too, and is still tried"


@dataclass(frozen=True)
class RetriedActivity:
    """An activity that has failed so often on its queue since it was put there; its last error.

    `is_held_back`: an open circuit breaker keeps it from who does not answer. `waits_for`: the saga
    whose lock it meets. `until`: when its time is up, if it is bounded.
    """

    name: str
    failures: int
    error: str
    activity_id: str
    is_held_back: bool = False
    waits_for: str | None = None
    until: datetime | None = None

    def foretell(self) -> str:
        """What comes of it by itself, as the end of a sentence.

        What must succeed parks when its time is up, unless it was held back: then nobody was asked.
        """
        then = TIMES_OUT.get(self.name) or ("" if self.is_held_back else PARKS)
        if self.until is None or not then:
            return "it is tried again by itself until it works"
        until = format_time(self.until)
        return f"it is tried again by itself until {until}; if it has not worked by then, {then}"

    def describe(self) -> str:
        """In a sentence."""
        if self.waits_for:
            return f"{self.name} waits for {self.waits_for}: {self.error}"
        times = "once" if self.failures == 1 else f"{self.failures} times"
        return f"{self.name} has failed {times} on its queue: {self.error}"


async def list_retried(saga: Execution) -> AsyncIterator[RetriedActivity]:
    """The activities of a described saga that are retried. Raises what decoding a failure does."""
    for pending in saga.described.pending_activities if saga.described else ():
        if pending.attempt > 1:
            error = await saga.client.data_converter.decode_failure(pending.last_failure)
            yield RetriedActivity(
                name=pending.activity_type.name,
                failures=pending.attempt - 1,
                error=explain_failure(error),
                activity_id=pending.activity_id,
                is_held_back=is_held_back(error),
                waits_for=find_holder(error),
                until=pending.expiration_time.ToDatetime(UTC)
                if pending.HasField("expiration_time")
                else None,
            )


def explain_failure(error: BaseException) -> str:
    """What our own code said, which the server may have wrapped: "Failure exceeds size limit"."""
    failure: BaseException | None = error
    while failure is not None and not isinstance(failure, ApplicationError):
        failure = failure.__cause__
    return failure.message if isinstance(failure, ApplicationError) else str(error)
