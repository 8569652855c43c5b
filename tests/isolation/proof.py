"""A run of many clients on a stack: recorded, waited for, and judged."""

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter

from contracts.names import order_of
from contracts.workflow_io import ReturnOutcome
from saga.verify.concurrent.anomalies import Anomaly
from tests.isolation.closing import count_endings, find_broken_rules
from tests.isolation.findings import Finding, find_anomalies, find_orphaned_locks, is_allowed
from tests.isolation.history import History
from tests.isolation.orders import Orders
from tests.isolation.recorder import count_deadlocks, read_changes
from tests.isolation.recording import Recording, ReturnEnding
from tests.isolation.stock import Products
from tests.isolation.workload import Workload
from tests.support.waiting import until

OPEN = "ExecutionStatus = 'Running' AND WorkflowType IN ('PlaceOrder', 'ReturnOrder')"
RETURNS = "WorkflowType = 'ReturnOrder'"


@dataclass(frozen=True)
class Verdict:
    """What a run showed. `open`: the sagas that had not ended in time."""

    workload: Workload
    open: frozenset[str]
    endings: Counter[str]
    history: History
    allowed: list[Finding]
    failures: list[Finding]

    def tell(self) -> str:
        """For people: what there was, and of what is not allowed the shortest of each name."""
        reads, writes = len(self.history.reads), sum(map(len, self.history.versions.values()))
        operations, seconds = len(self.workload.log), self.workload.seconds
        allowed = Counter(str(finding.anomaly) for finding in self.allowed)
        lines = [
            f"{operations} operations in {seconds:.0f} s"
            f" ({operations / seconds:.1f} a second), seed {self.workload.seed}",
            f"answered: {dict(sorted(self.workload.count().items()))}",
            f"orders: {dict(self.endings)}; {len(self.open)} sagas are open,"
            f" {self.workload.given_up} clients gave up",
            f"{reads} reads and {writes} writes of {len(self.history.versions)} items"
            f" by {len(self.history.parties)} parties",
            f"allowed: {dict(allowed)}; not allowed: {len(self.failures)}",
        ]
        shortest = {finding.anomaly: finding for finding in reversed(self.failures)}
        return "\n".join([*lines, *map(str, shortest.values())])


async def prove(workload: Workload, *, operations: int, patience: float) -> Verdict:
    """Have its clients do so many more operations, and judge all that was recorded.

    `patience`: seconds until all sagas have ended.
    """
    stack, begun = workload.stack, time.monotonic()
    await workload.run(operations)
    workload.seconds += time.monotonic() - begun
    temporal = await Client.connect(
        stack.state.urls["temporal"], data_converter=pydantic_data_converter
    )
    still_open = await _settle(temporal, patience)
    changes = await read_changes(stack)
    recording = Recording(changes, workload.log, await _list_abandoned(temporal))
    history, findings = judge(recording)
    findings += find_orphaned_locks(history, still_open)
    findings += await find_broken_rules(recording, stack)
    findings += [
        Finding(Anomaly.DEADLOCK, (), (), (), (f"{service}'s database has ended {number}",))
        for service, number in (await count_deadlocks(stack)).items()
        if number
    ]
    return Verdict(
        workload,
        still_open,
        count_endings(recording),
        history,
        [finding for finding in findings if is_allowed(finding)],
        [finding for finding in findings if not is_allowed(finding)],
    )


def judge(recording: Recording) -> tuple[History, list[Finding]]:
    """The history of a recording, and all that is to be found in it."""
    history = History()
    for order_id in recording.orders:
        history.join(recording.placing(order_id))
    products = Products(recording, history)
    products.read()
    orders = Orders(recording, history, products)
    orders.read()
    return history, [*find_anomalies(history), *orders.findings, *products.findings]


async def _settle(temporal: Client, patience: float) -> frozenset[str]:
    """Until all sagas have ended, or the time is over; those that have not."""

    async def ended() -> bool:
        return (await temporal.count_workflows(OPEN)).count == 0

    with contextlib.suppress(TimeoutError):
        await until(ended, within=patience)
        await asyncio.sleep(1)  # what is listed lags behind what is begun
        await until(ended, within=patience)
    return frozenset([run.id async for run in temporal.list_workflows(OPEN)])


async def _list_abandoned(temporal: Client) -> list[ReturnEnding]:
    """The returns that have ended without effect."""
    found = []
    async for run in temporal.list_workflows(RETURNS):
        if run.status is WorkflowExecutionStatus.COMPLETED and run.close_time is not None:
            handle = temporal.get_workflow_handle(run.id, result_type=ReturnOutcome)
            with contextlib.suppress(WorkflowFailureError):
                outcome = await handle.result()
                if outcome.reason is not None:
                    times = (run.start_time.timestamp(), run.close_time.timestamp())
                    found.append(
                        ReturnEnding(run.id, order_of(run.id), outcome.reason.code, *times)
                    )
    return found
