"""Every saga in trouble: those of which Temporal tells, and those of which the audit found it.

All who ask in this process for those that are late as usual share one look.
"""

from collections.abc import Sequence
from datetime import timedelta

from temporalio.client import Client

from activities.executions import describe
from api.temporal.audit_outlook import AuditOutlook
from api.temporal.errors import RPC_TIMEOUT, translate_errors
from api.temporal.saga_listing import SagaFound
from api.temporal.stuck_sagas import MOST, find_stuck
from api.temporal.troubles import LATE, SagaTrouble
from api.trouble.audit_findings import AuditFindings, Finding
from contracts.workflow_io import type_of
from infrastructure.shared_look import SharedLook
from services.composition import Services

AGE = 3.0  # seconds


class TroubleList:
    """Finds them. Raises Unavailable where Temporal does not answer."""

    def __init__(self, client: Client, services: Services) -> None:
        self._client = client
        self._audits = AuditOutlook(client)
        self._findings = AuditFindings(client, services, self._audits.earlier)
        self._usual = SharedLook(lambda: self._look(LATE), AGE)

    async def find(self, late: timedelta, limit: int = MOST) -> list[SagaFound]:
        """The first that are stuck, or open for longer than `late`, each once.

        Of those with several troubles Temporal's is told: as long as it stands, the audit cannot
        help.
        """
        found = await (self._usual.get() if late == LATE else self._look(late))
        return found[:limit]

    async def list_left(self, order_id: str) -> list[SagaTrouble]:
        """What is wrong with an order that an audit has found, or whoever looked at it."""
        async with translate_errors():
            found = await self._findings.list_of_order(order_id)
        return [SagaTrouble(saga_id=each.saga_id, trouble=each.trouble) for each in found]

    def judge_anew(self, order_id: str) -> None:
        """Somebody has answered for what is wrong with this order: what was judged is old."""
        self._findings.judge_anew(order_id)

    async def look_into(self, order_id: str, saga_ids: Sequence[str]) -> list[SagaTrouble]:
        """What an audit would find wrong with an order now, which is listed from then on."""
        async with translate_errors():
            found = await self._findings.look_into(order_id, saga_ids)
        return [SagaTrouble(saga_id=each.saga_id, trouble=each.trouble) for each in found]

    async def _look(self, late: timedelta) -> list[SagaFound]:
        async with translate_errors():
            stuck = await find_stuck(self._client, late=late, audits=self._audits)
            rows = [SagaFound.of(saga, trouble) for saga, trouble in stuck]
            named = {row.saga_id for row in rows}
            for finding in await self._findings.list_standing():
                if finding.saga_id not in named:
                    named.add(finding.saga_id)
                    rows.append(await self._list_finding(finding))
        return rows[:MOST]

    async def _list_finding(self, finding: Finding) -> SagaFound:
        """As Temporal has its saga, if it has it still."""
        saga = await describe(self._client, finding.saga_id, rpc_timeout=RPC_TIMEOUT)
        if saga is not None:
            row = SagaFound.of(saga, finding.trouble)
            return row.model_copy(update={"stake": finding.stake})
        kind = type_of(finding.saga_id)
        return SagaFound(
            saga_id=finding.saga_id,
            type=kind.name if kind else "unknown",
            state="unknown",
            step=None,
            started_at=finding.trouble.since,
            trouble=finding.trouble,
            stake=finding.stake,
        )
