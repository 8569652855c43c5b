"""An audit as it was before it had bounds: for those that were begun then, and their histories."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.orphan_audit import AuditActivities
    from activities.payment_reconciliation import LedgerActivities
    from contracts.audits import AuditReport, AuditRequest
    from contracts.ledgers import Discrepancy, LedgerWindow, Settled
    from contracts.orphans import NOT_REPAIRED, Orphan, Repaired

AT_ONCE = 10
A_FEW_TIMES = RetryPolicy(maximum_attempts=4)
PATIENTLY = RetryPolicy(maximum_interval=timedelta(seconds=15))


async def audit_at_once(request: AuditRequest) -> AuditReport:
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
        repaired += await asyncio.gather(*(_repair(orphan) for orphan in batch))
    ledger: list[Discrepancy] = []
    settled: list[Settled] = []
    if workflow.patched("the provider's ledger"):
        ledger = await _compare(request)
        for discrepancy in ledger if request.repair else ():
            settled.append(await _settle(discrepancy))
    books = await workflow.execute_activity_method(
        AuditActivities.books,
        start_to_close_timeout=timedelta(seconds=30),
        retry_policy=PATIENTLY,
    )
    return AuditReport(
        orphans=tuple(orphans),
        repaired=tuple(repaired),
        books=books,
        ledger=tuple(ledger),
        settled=tuple(settled),
        found=len(orphans),
    )


async def _compare(request: AuditRequest) -> list[Discrepancy]:
    end = workflow.now() - request.grace
    found: list[Discrepancy] = await workflow.execute_activity_method(
        LedgerActivities.compare,
        LedgerWindow(begin=end - request.ledger, end=end),
        start_to_close_timeout=timedelta(minutes=5),
        heartbeat_timeout=timedelta(seconds=30),
        retry_policy=PATIENTLY,
    )
    return found


async def _settle(discrepancy: Discrepancy) -> Settled:
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


async def _repair(orphan: Orphan) -> Repaired:
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
