"""What audits found wrong with orders and left as it is, as far as it is so still.

Findings are in the reports that Temporal keeps. Each is judged again by the services and the
provider every few seconds, so that it is told no longer than it is true.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.client import Client

from activities.audits.earlier_audits import EarlierAudits
from activities.diagnoses import Diagnoses
from activities.discrepancies import Judge
from api.temporal.errors import RPC_TIMEOUT
from api.temporal.saga_listing import Stake
from api.temporal.troubles import Trouble
from api.trouble.finding_words import explain_money, explain_orphan
from contracts.base import Money
from contracts.ledgers import Discrepancy, WhyKept
from contracts.orphans import Orphan
from saga.participant import Unavailable
from saga.participant.errors import describe_error
from services.composition import Services

FRESH = 3.0  # seconds for which a judgement stands
AT_ONCE = 8  # that are judged
MOST = 100  # that are judged in one look; the others stand as they were
log = logging.getLogger(__name__)

Name = tuple[str, ...]
What = Discrepancy | Orphan


@dataclass(frozen=True)
class Finding:
    """A saga with what the audit found of it. `stake`: the money, where money is what it is of."""

    saga_id: str
    trouble: Trouble
    stake: Stake | None


@dataclass(frozen=True)
class Judged:
    """A finding as it was judged last, by the clock of this process: None if it is over.

    `doubt`: why it is not known whether it is so still.
    """

    what: What | None
    at: float
    doubt: str = ""

    def is_due(self, now: float) -> bool:
        """Whether to judge it again: what is over may come back."""
        return now - self.at > FRESH


class AuditFindings:
    """Those that stand, for whoever asks."""

    def __init__(self, client: Client, services: Services) -> None:
        self._earlier = EarlierAudits(client, RPC_TIMEOUT)
        self._judge = Judge(client, services.orders, services.payments)
        self._diagnoses = Diagnoses(client, services.orders, services.inventory, services.payments)
        self._judged: dict[Name, Judged] = {}

    async def list_standing(self) -> list[Finding]:
        """What is so still, or may be. RPCError if Temporal does not answer."""
        left = await self._earlier.read_left()
        found: dict[Name, What] = {(saga_id,): orphan for saga_id, orphan in left.orphans.items()}
        found.update(left.money)
        await self._judge_due(found)
        standing = (judged for judged in self._judged.values() if judged.what is not None)
        return [_tell(judged) for judged in standing]

    async def _judge_due(self, left: Mapping[Name, What]) -> None:
        """Judge again those whose turn it is, the longest not judged first."""
        now, never = time.monotonic(), float("-inf")
        known = {name: self._judged.get(name, Judged(what, never)) for name, what in left.items()}
        due = sorted((judged.at, name) for name, judged in known.items() if judged.is_due(now))
        turns = asyncio.Semaphore(AT_ONCE)

        async def judge(name: Name) -> None:
            async with turns:
                known[name] = await self._judge_again(known[name], left[name])

        await asyncio.gather(*(judge(name) for _, name in due[:MOST]))
        self._judged = known

    async def _judge_again(self, before: Judged, found: What) -> Judged:
        """As it is now; as it was, where whoever knows does not answer: what is over stays so."""
        try:
            if isinstance(found, Discrepancy):
                now: What | None = await self._judge.look_again(found)
            else:
                orphan = await self._diagnoses.of(found.saga_id)
                now = orphan.keep_date(found.found_at) if orphan is not None else None
        except Exception as error:  # of whatever kind: one that cannot be judged hides no other
            usual = isinstance(error, Unavailable)
            if not usual:
                log.warning("findings: cannot judge %s", found, exc_info=True)
            doubt = str(error) if usual else describe_error(error)
            return Judged(before.what, time.monotonic(), doubt)
        return Judged(now, time.monotonic())


def _tell(judged: Judged) -> Finding:
    what = judged.what
    assert what is not None  # noqa: S101 - only those that stand are told
    since = what.found_at or datetime.now(UTC)
    if isinstance(what, Orphan):
        return Finding(what.saga_id, explain_orphan(what, since, judged.doubt), None)
    return Finding(what.saga_id, explain_money(what, since, judged.doubt), _stake(what))


def _stake(found: Discrepancy) -> Stake:
    """The pieces are for the inventory to tell."""
    nothing = Money(minor=0, currency=found.amount.currency)
    if found.why is WhyKept.MISSING:
        return Stake(money=nothing, pieces=None, missing=found.amount)
    return Stake(money=found.amount, pieces=None)
