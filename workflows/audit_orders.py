"""The audit: has each saga that nobody carries on any more carried to its end; reads the books.

It is no saga itself: whatever it begins goes on without it. It waits by itself, so that its
activities are short; it goes on in another run before its history is long; and it does no more than
its bounds allow, and names the rest.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.audits import AuditActivities
    from activities.ledgers import LedgerActivities
    from contracts.audits import (
        AuditProgress,
        AuditReport,
        AuditRequest,
        Tally,
    )
    from contracts.ledgers import (
        Discrepancy,
        LedgerCursor,
        LedgerPage,
        LedgerWindow,
        Settled,
        distinct,
    )
    from contracts.names import AUDITS
    from contracts.orphans import Begun, Found, Orphan, Search, Standing
    from contracts.records import Epoch
    from workflows.audit_at_once import audit_at_once
    from workflows.tallying import Tallying

AT_ONCE = 10  # sagas that are carried on together
LOOKS = (0.5, 1, 2, 4, 8, 8)  # seconds between looks at them; what takes longer goes on by itself
MOST_EVENTS = 2000  # of a run's history; some pages more may follow
A_FEW_TIMES = RetryPolicy(maximum_attempts=4)
FOR_MINUTES = RetryPolicy(maximum_interval=timedelta(seconds=15), maximum_attempts=20)
A_DAY = timedelta(days=1)
AFTER_A_RESTORE = timedelta(days=3)  # looked back at least: how old a backup may well be


@workflow.defn(name="AuditOrders")
class AuditOrders:
    """Looks once; a schedule has it look again."""

    @workflow.run
    async def run(self, request: AuditRequest) -> AuditReport:
        """Find orphans, have them carried on, and tell how the books stand then."""
        if not workflow.patched("audits-by-pages"):
            return await audit_at_once(request)
        progress = request.progress or await self._begin(request)
        tallying = Tallying(request.bounds, progress.tally)
        search, at = progress.search, progress.ledger_at
        while search is not None or at is not None:
            if search is not None:
                search = await self._search(search, tallying)
            elif at is not None:
                at = await self._reconcile(progress.window, at, tallying)
            if workflow.info().get_current_history_length() > MOST_EVENTS:
                update = {"search": search, "ledger_at": at, "tally": tallying.tally}
                done = progress.model_copy(update=update)
                workflow.continue_as_new(request.model_copy(update={"progress": done}))
        books = await workflow.execute_activity_method(
            AuditActivities.books,
            task_queue=AUDITS,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=FOR_MINUTES,
        )
        report = tallying.report(books)
        _alarm(report)
        return report

    async def _begin(self, request: AuditRequest) -> AuditProgress:
        """What to look at; and whether to repair it."""
        epochs: dict[str, Epoch] = await workflow.execute_activity_method(
            AuditActivities.epochs,
            task_queue=AUDITS,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=FOR_MINUTES,
        )
        last = _last_report() if request.cautious else None
        doubt = _doubt(last, epochs) if request.cautious else None
        dry_run = doubt if request.repair else "it was asked for"
        after_a_restore = doubt is not None or (last is not None and last.dry_run is not None)
        back = max(request.ledger, AFTER_A_RESTORE) if after_a_restore else request.ledger
        before = workflow.now() - request.grace
        return AuditProgress(
            search=Search(
                before=before, since=before - max(back, A_DAY), closed_since=before - back
            ),
            window=LedgerWindow(begin=before - back, end=before),
            tally=Tally(dry_run=dry_run, epochs=epochs),
        )

    async def _search(self, search: Search, tallying: Tallying) -> Search | None:
        """Look for a while, and mend what is found; where to go on."""
        try:
            found: Found = await workflow.execute_activity_method(
                AuditActivities.search,
                search,
                task_queue=AUDITS,
                start_to_close_timeout=timedelta(minutes=1),
                heartbeat_timeout=timedelta(seconds=20),
                retry_policy=FOR_MINUTES,
            )
        except ActivityError as error:
            tallying.name("", "", f"the search could not go on: {error.cause}")
            return None
        batch: list[Orphan] = []
        for orphan in found.orphans:  # the bounds look at what became of those before
            if tallying.admit(orphan):
                batch.append(orphan)
            if len(batch) == AT_ONCE:
                await self._mend(batch, tallying)
                batch = []
        await self._mend(batch, tallying)
        following = found.following
        return search.model_copy(update={"at": following}) if following is not None else None

    async def _mend(self, orphans: Sequence[Orphan], tallying: Tallying) -> None:
        """Have these carried on, and wait for their ends for a while."""
        begun = await asyncio.gather(*(self._start(orphan, tallying) for orphan in orphans))
        waiting = {orphan.saga_id: orphan for orphan in begun if orphan is not None}
        stands: list[Standing] = []
        for seconds in LOOKS:
            if not waiting:
                return
            await workflow.sleep(seconds)
            stands = await self._standing(list(waiting))
            for saga in stands:
                if not saga.is_open:
                    tallying.mended(waiting.pop(saga.saga_id), saga.status)
        statuses = {saga.saga_id: saga.status for saga in stands}
        for saga_id, orphan in waiting.items():
            tallying.unfinished(orphan, statuses.get(saga_id))

    async def _start(self, orphan: Orphan, tallying: Tallying) -> Orphan | None:
        """The orphan as it is now, if its saga was started again for it."""
        try:
            begun: Begun = await workflow.execute_activity_method(
                AuditActivities.begin,
                orphan,
                task_queue=AUDITS,
                start_to_close_timeout=timedelta(seconds=30),
                retry_policy=A_FEW_TIMES,
                summary=orphan.saga_id,
            )
        except ActivityError as error:
            tallying.failed(orphan, str(error.cause))
            return None
        if begun.started:
            return begun.orphan
        if begun.orphan is None or not begun.orphan.way_out:
            tallying.healed()
        else:
            tallying.failed(begun.orphan, begun.orphan.way_out)
        return None

    async def _standing(self, saga_ids: list[str]) -> list[Standing]:
        return await workflow.execute_activity_method(
            AuditActivities.standing,
            saga_ids,
            task_queue=AUDITS,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=FOR_MINUTES,
        )

    async def _reconcile(
        self, window: LedgerWindow, at: LedgerCursor, tallying: Tallying
    ) -> LedgerCursor | None:
        """Compare some of the provider's ledger with orders, and settle it; where to go on.

        What is adopted, or would be, is not named as missing by a later page.
        """
        try:
            page: LedgerPage = await workflow.execute_activity_method(
                LedgerActivities.look,
                args=[window, at],
                task_queue=AUDITS,
                start_to_close_timeout=timedelta(minutes=1),
                heartbeat_timeout=timedelta(seconds=20),
                retry_policy=A_FEW_TIMES,
            )
        except ActivityError as error:
            tallying.name("", "", f"the provider's ledger could not be compared: {error.cause}")
            return None
        for discrepancy in distinct(tallying.tally.ledger, page.items):
            if tallying.admit_money(discrepancy):
                tallying.settled(await self._settle(discrepancy))
        return page.following

    async def _settle(self, discrepancy: Discrepancy) -> Settled:
        """One that cannot be settled now is found by the next audit again."""
        try:
            return await workflow.execute_activity_method(
                LedgerActivities.settle,
                discrepancy,
                task_queue=AUDITS,
                start_to_close_timeout=timedelta(seconds=60),
                retry_policy=A_FEW_TIMES,
                summary=discrepancy.intent_id,
            )
        except ActivityError:
            return Settled(discrepancy=discrepancy, refund_id=None)


def _last_report() -> AuditReport | None:
    """What the schedule's last audit reported; None if it cannot be read."""
    if not workflow.has_last_completion_result():
        return None
    try:
        return workflow.get_last_completion_result(AuditReport)
    except Exception:  # noqa: BLE001 - of other code, or made by hand: as good as none
        return None


def _doubt(last: AuditReport | None, epochs: dict[str, Epoch]) -> str | None:
    """Why not to believe what the databases say before somebody could look."""
    if last is None or not last.epochs:
        return "it is the first audit of this schedule"
    restored = [
        name
        for name, now in epochs.items()
        if name not in last.epochs or not now.continues(last.epochs[name])
    ]
    return f"restored since the last audit: {', '.join(restored)}" if restored else None


def _alarm(report: AuditReport) -> None:
    """Metrics: what was left as it is, and that a bound was reached."""
    meter = workflow.metric_meter()
    meter.create_counter("saga_audit_left", "What audits named and did not mend").add(report.left)
    if report.stopped is not None:
        stopped = meter.create_counter("saga_audit_stopped", "Audits that reached a bound")
        stopped.add(1, {"bound": report.stopped})
