"""What earlier audits found and left as it was, by the reports that Temporal keeps of them.

A report is of its moment: who reads it judges each finding again. An audit begins with what those
before it left, so that the newest reports have all that is known, however long ago it was found.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from temporalio.client import Client

from activities.executions import Execution, page_of
from contracts.audits import AuditReport
from contracts.ledgers import Discrepancy, Outcome
from contracts.names import AUDIT_SCHEDULE
from contracts.orphans import Orphan

NEWEST = 50  # reports; the schedule makes six an hour
ENDED = "WorkflowType = 'AuditOrders' AND ExecutionStatus = 'Completed'"
SETTLED = {Outcome.REFUNDED, Outcome.ADOPTED}
K = TypeVar("K", bound=Hashable)
What = TypeVar("What", Orphan, Discrepancy)
Name = tuple[str, ...]  # of a discrepancy: its intent and its order


@dataclass(frozen=True)
class Left:
    """What audits left: orphans by saga, and money, each with since when it is so.

    `unmended`: orphans that one left which was to mend them, so that the next may leave them, too.
    """

    orphans: Mapping[str, Orphan]
    money: Mapping[Name, Discrepancy]
    unmended: Mapping[str, Orphan] = field(default_factory=dict)


class EarlierAudits:
    """Reads the newest reports, each once. `left` is what they left when it last looked."""

    def __init__(self, client: Client, rpc_timeout: timedelta | None = None) -> None:
        self._client = client
        self._rpc_timeout = rpc_timeout
        self._reports: dict[str, Left] = {}
        self.left = Left({}, {})

    async def read_left(self) -> Left:
        """What the newest of them left. RPCError if Temporal does not answer."""
        found, _ = await page_of(self._client, ENDED, size=NEWEST, rpc_timeout=self._rpc_timeout)
        self._reports = {
            audit.run_id: self._reports.get(audit.run_id) or await self._read(audit)
            for audit in found
        }
        whole = [audit.id.startswith(AUDIT_SCHEDULE) for audit in found]
        reports = [self._reports[audit.run_id] for audit in found]
        self.left = Left(
            _date_back([*zip(whole, (report.orphans for report in reports), strict=True)]),
            _date_back([*zip(whole, (report.money for report in reports), strict=True)]),
            _date_back([*zip(whole, (report.unmended for report in reports), strict=True)]),
        )
        return self.left

    async def _read(self, audit: Execution) -> Left:
        """Nothing of a report that cannot be read: of other code, or made by hand."""
        handle = self._client.get_workflow_handle(
            audit.id, run_id=audit.run_id, result_type=AuditReport
        )
        try:
            report = await handle.result(follow_runs=False, rpc_timeout=self._rpc_timeout)
        except (TypeError, ValueError, RuntimeError):
            return Left({}, {})
        return list_left(report, audit.info.close_time.ToDatetime(UTC))


def list_left(report: AuditReport, ended_at: datetime) -> Left:
    """What this report names as left, of sagas and of money that it also tells more of."""
    named = {each.saga_id for each in report.named}
    settled = {_name(each.discrepancy) for each in report.settled if each.outcome in SETTLED}
    orphans = [orphan for orphan in report.orphans if orphan.saga_id in named]
    money = [each for each in report.ledger if _name(each) not in settled]
    dated = {orphan.saga_id: orphan.keep_date(ended_at) for orphan in orphans}
    return Left(
        dated,
        {_name(each): each.keep_date(ended_at) for each in money},
        dated if report.dry_run is None else {},
    )


def _date_back(reports: Sequence[tuple[bool, Mapping[K, What]]]) -> dict[K, What]:
    """What these left, the newest first, each since the oldest of those that left it in turn.

    What a `whole` one did not leave was over then, and has come back since.
    """
    found: dict[K, What] = {}
    over: set[K] = set()
    for whole, left in reports:
        over |= {name for name in found if name not in left} if whole else set()
        found |= {name: what for name, what in left.items() if name not in over}
    return found


def _name(money: Discrepancy) -> Name:
    return money.intent_id, money.order_id
