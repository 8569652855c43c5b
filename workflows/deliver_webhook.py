"""The delivery of one event to one webhook: retried for three days, then dead.

It is no saga: there is nothing to undo. Its state is in the event database, kept by the activity.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.webhooks import WebhookActivities
    from contracts.webhooks import WORKFLOW, Attempt, DeliveryRun, DeliveryState, Tried

# The pauses before each attempt, as the Standard Webhooks specification suggests: 75.6 hours.
SCHEDULE = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
JITTER = 0.1  # of a pause, added at most: what failed together is not tried again together
LONGEST_ASKED = timedelta(hours=24)  # that a receiver may put us off
ATTEMPT = timedelta(seconds=35)  # longer than the request, 20 s, and what is written around it
UNTIL_DONE = RetryPolicy(maximum_interval=timedelta(minutes=1))  # our database may be away


@workflow.defn(name=WORKFLOW)
class DeliverWebhook:
    """Tries by the schedule until the receiver has it."""

    @workflow.run
    async def run(self, delivery: DeliveryRun) -> DeliveryState:
        """How it ended: delivered, or dead."""
        tried = Tried(state=DeliveryState.PENDING)
        for number, pause in enumerate(SCHEDULE, start=1):
            await _rest(pause, tried.retry_after)
            attempt = Attempt(
                delivery_id=delivery.delivery_id, run=delivery.run, final=number == len(SCHEDULE)
            )
            tried = await workflow.execute_activity_method(
                WebhookActivities.attempt,
                attempt,
                start_to_close_timeout=ATTEMPT,
                retry_policy=UNTIL_DONE,
                summary=f"attempt {number}",
            )
            if tried.state is not DeliveryState.PENDING:
                break
        return tried.state


async def _rest(pause: timedelta, asked: float | None) -> None:
    wanted = min(timedelta(seconds=asked or 0), LONGEST_ASKED)
    longer = max(pause * (1 + JITTER * workflow.random().random()), wanted)
    if longer:
        await workflow.sleep(longer)
