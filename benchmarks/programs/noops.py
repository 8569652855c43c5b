"""Workflows that do nothing: what Temporal itself costs, with no activity and with N of a kind."""

from datetime import timedelta

from temporalio import activity, workflow

QUEUE = "noop"
TIMEOUT = timedelta(seconds=10)


@activity.defn
async def nothing() -> None:
    """Does nothing."""


@workflow.defn
class Empty:
    """No activity at all."""

    @workflow.run
    async def run(self) -> None:
        """End at once."""


@workflow.defn
class Regular:
    """`count` regular activities, one after the other."""

    @workflow.run
    async def run(self, count: int) -> None:
        """Run them."""
        for _ in range(count):
            await workflow.execute_activity(nothing, start_to_close_timeout=TIMEOUT)


@workflow.defn
class Local:
    """`count` local activities, one after the other."""

    @workflow.run
    async def run(self, count: int) -> None:
        """Run them."""
        for _ in range(count):
            await workflow.execute_local_activity(nothing, start_to_close_timeout=TIMEOUT)
