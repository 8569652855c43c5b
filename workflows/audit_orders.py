"""The audit: has each saga that nobody carries on any more carried to its end; reads the books.

It is no saga itself: whatever it begins goes on without it.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.audits import AuditActivities
    from activities.ledgers import LedgerActivities
    from contracts.audits import (
        NOT_REPAIRED,
        AuditReport,
        AuditRequest,
        Discrepancy,
        LedgerWindow,
        Orphan,
        Repaired,
        Settled,
    )

AT_ONCE = 10
A_FEW_TIMES = RetryPolicy(maximum_attempts=4)
PATIENTLY = RetryPolicy(maximum_interval=timedelta(seconds=15))


@workflow.defn(name="AuditOrders")
class AuditOrders:
    """Looks once; a schedule has it look again."""

    @workflow.run
    async def run(self, request: AuditRequest) -> AuditReport:
        """Find orphans, have them carried on, and tell how the books stand then."""
        orphans: list[Orphan] = await workflow.execute_activity_method(
            AuditActivities.find,
            args=[workflow.now() - request.grace, request.ledger],
            start_to_close_timeout=timedelta(minutes=5),
            heartbeat_timeout=timedelta(seconds=30),
            retry_policy=PATIENTLY,
        )
        repaired: list[Repaired] = []
        for begin in range(0, len(orphans) if request.repair else 0, AT_ONCE):
            batch = orphans[begin : begin + AT_ONCE]
            repaired += await asyncio.gather(*(self._repair(it) for it in batch))
        ledger: list[Discrepancy] = []
        settled: list[Settled] = []
        if workflow.patched("the provider's ledger"):
            ledger = await self._compare(request)
            for it in ledger if request.repair else ():
                settled.append(await self._settle(it))
        books = await workflow.execute_activity_method(
            AuditActivities.books,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=PATIENTLY,
        )
        return AuditReport(
            orphans=orphans,
            repaired=repaired,
            books=books,
            ledger=tuple(ledger),
            settled=tuple(settled),
        )

    async def _compare(self, request: AuditRequest) -> list[Discrepancy]:
        end = workflow.now() - request.grace
        found: list[Discrepancy] = await workflow.execute_activity_method(
            LedgerActivities.compare,
            LedgerWindow(begin=end - request.ledger, end=end),
            start_to_close_timeout=timedelta(minutes=5),
            heartbeat_timeout=timedelta(seconds=30),
            retry_policy=PATIENTLY,
        )
        return found

    async def _settle(self, discrepancy: Discrepancy) -> Settled:
        """One that cannot be given back now is found by the next audit again."""
        try:
            return await workflow.execute_activity_method(
                LedgerActivities.settle,
                discrepancy,
                start_to_close_timeout=timedelta(seconds=60),
                retry_policy=A_FEW_TIMES,
                summary=discrepancy.intent_id,
            )
        except ActivityError:
            return Settled(discrepancy=discrepancy, refund_id=None)

    async def _repair(self, orphan: Orphan) -> Repaired:
        """One that cannot be carried on now must not hold up the others; the next audit tries."""
        try:
            return await workflow.execute_activity_method(
                AuditActivities.repair,
                orphan,
                start_to_close_timeout=timedelta(seconds=60),
                retry_policy=A_FEW_TIMES,
                summary=orphan.saga_id,
            )
        except ActivityError:
            return Repaired(orphan=orphan, status=NOT_REPAIRED)
