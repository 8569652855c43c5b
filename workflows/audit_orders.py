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
    from activities.orphan_audit import AuditActivities
    from activities.payment_reconciliation import LedgerActivities
    from contracts.audits import (
        AuditProgress,
        AuditReport,
        AuditRequest,
        Books,
        Tally,
    )
    from contracts.barrier_records import Epoch
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
    from workflows import cautions
    from workflows.audit_at_once import audit_at_once
    from workflows.tallying import Tallying

AT_ONCE = 10  # sagas that are carried on together
LOOKS = (0.5, 1, 2, 4, 8, 8)  # seconds between looks at them; what takes longer goes on by itself
MOST_EVENTS = 2000  # of a run's history; some pages more may follow
A_FEW_TIMES = RetryPolicy(maximum_attempts=4)
FOR_MINUTES = RetryPolicy(maximum_interval=timedelta(seconds=15), maximum_attempts=20)
A_DAY = timedelta(days=1)


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
        report = tallying.report(await self._books(tallying))
        cautions.alarm(report)
        return report

    async def _begin(self, request: AuditRequest) -> AuditProgress:
        """What to look at; and whether to repair it."""
        epochs = await self._epochs()
        last = cautions.last_report() if request.cautious else None
        doubt = cautions.doubt_of(last, epochs) if request.cautious or epochs is None else None
        back = cautions.look_back(request.ledger, last, doubt)
        before = workflow.now() - request.grace
        return AuditProgress(
            search=Search(
                before=before,
                since=before - max(back, A_DAY),
                closed_since=before - back,
                only=request.only,
            ),
            window=LedgerWindow(begin=before - back, end=before, only=request.only),
            tally=Tally(
                dry_run=doubt if request.repair else "it was asked for",
                epochs=epochs or (last.epochs if last is not None else {}),
                back=back,
            ),
        )

    async def _epochs(self) -> dict[str, Epoch] | None:
        """Those of the databases; None if they could not be asked."""
        try:
            epochs: dict[str, Epoch] = await workflow.execute_activity_method(
                AuditActivities.epochs,
                task_queue=AUDITS,
                start_to_close_timeout=timedelta(seconds=30),
                retry_policy=FOR_MINUTES,
            )
        except ActivityError:
            return None
        return epochs

    async def _look_out(self, tallying: Tallying) -> None:
        """Mend nothing further once a database was restored under this audit."""
        tally = tallying.tally
        if tally.dry_run is not None or not workflow.patched("epochs-asked-again"):
            return
        epochs = await self._epochs()
        if epochs is None:
            tallying.doubt(cautions.NOT_ASKED)
        elif restored := cautions.restored_since(tally.epochs, epochs):
            tallying.doubt(f"restored while the audit ran: {restored}")

    async def _books(self, tallying: Tallying) -> Books:
        try:
            return await workflow.execute_activity_method(
                AuditActivities.books,
                task_queue=AUDITS,
                start_to_close_timeout=timedelta(seconds=30),
                retry_policy=FOR_MINUTES,
            )
        except ActivityError as error:
            tallying.name("", "", f"the books could not be read: {error.cause}")
            return Books(captured=[], confirmed=[], open=[], reserved=0, unread=True)

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
        if found.orphans:
            await self._look_out(tallying)
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
            try:
                stands = await self._standing(list(waiting))
            except ActivityError:
                break
            for saga in stands:
                if not saga.is_open:
                    tallying.record_mended(waiting.pop(saga.saga_id), saga.status)
        statuses = {saga.saga_id: saga.status for saga in stands}
        for saga_id, orphan in waiting.items():
            tallying.record_unfinished(orphan, statuses.get(saga_id))

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
            tallying.record_failure(orphan, str(error.cause))
            return None
        if begun.started:
            return begun.orphan
        if begun.orphan is None or not begun.orphan.way_out:
            tallying.record_healed()
        else:
            tallying.record_failure(begun.orphan, begun.orphan.way_out)
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
        if page.items:
            await self._look_out(tallying)
        for discrepancy in distinct(tallying.tally.ledger, page.items):
            if tallying.admit_money(discrepancy):
                tallying.record_settled(await self._settle(discrepancy))
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
