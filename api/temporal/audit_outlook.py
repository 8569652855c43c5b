"""What the audit does by itself about sagas that were ended from outside, and when."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.audits.earlier_audits import EarlierAudits, Left
from api.temporal.errors import RPC_TIMEOUT
from contracts.base import format_time
from contracts.names import AUDIT_SCHEDULE, order_of
from contracts.orphans import Orphan, Remedy
from infrastructure.shared_look import SharedLook

AGE = 3.0  # seconds for which what was seen is good enough
UNDOES = "undoes it, or finishes it if it was past its pivot"


@dataclass(frozen=True)
class AuditSeen:
    """When an audit is due; None if none is. What earlier ones left."""

    due: datetime | None
    left: Left

    def foretell(self, saga_id: str, ended_at: datetime) -> tuple[str, datetime | None]:
        """What comes of a saga that ended from outside then, and when it does so by itself."""
        order_id = order_of(saga_id)
        orphan = self.left.unmended.get(saga_id)
        if orphan is not None and (orphan.found_at or ended_at) >= ended_at:
            return f"an audit has left it: {explain_left(orphan)}", None
        if self.due is None:
            return f"no audit is scheduled: saga audit {order_id} {UNDOES}", None
        due = format_time(self.due)
        said = f"the audit that is due at {due} {UNDOES}; saga audit {order_id} does so now"
        return said, self.due


def explain_left(orphan: Orphan) -> str:
    """What helps where an audit has done nothing."""
    if orphan.remedy is Remedy.REPORT and orphan.way_out:
        return orphan.way_out
    return f"have it carried on by saga audit {orphan.order_id}"


class AuditOutlook:
    """Looks at the schedule, and at the newest reports. RPCError if Temporal does not answer.

    `earlier` keeps those reports, for others to share.
    """

    def __init__(self, client: Client, rpc_timeout: timedelta = RPC_TIMEOUT) -> None:
        self._client = client
        self._rpc_timeout = rpc_timeout
        self.earlier = EarlierAudits(client, rpc_timeout)
        self._seen = SharedLook(self._look, AGE)

    async def see(self) -> AuditSeen:
        """As it is now, or was a moment ago."""
        return await self._seen.get()

    async def _look(self) -> AuditSeen:
        return AuditSeen(await self._find_due(), await self.earlier.read_left())

    async def _find_due(self) -> datetime | None:
        handle = self._client.get_schedule_handle(AUDIT_SCHEDULE)
        try:
            described = await handle.describe(rpc_timeout=self._rpc_timeout)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None
        if described.schedule.state.paused:
            return None
        return next(iter(described.info.next_action_times), None)
