"""What audits found wrong with orders and left as it is, as far as it is so still.

Findings are in the reports that Temporal keeps. Each is judged again by the services and the
provider every few seconds, so that it is told no longer than it is true. What somebody who looks at
one order would have an audit find is noted here, so that nobody is told otherwise until one does.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
MOST_NOTED = 500
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

    @property
    def is_over(self) -> bool:
        """Whether it was so once, and is so no more."""
        return self.what is None

    def is_due(self, now: float) -> bool:
        """Whether to judge it again: what is over may come back."""
        return now - self.at > FRESH


class AuditFindings:
    """Those that stand, for whoever asks."""

    def __init__(
        self, client: Client, services: Services, earlier: EarlierAudits | None = None
    ) -> None:
        self._earlier = earlier or EarlierAudits(client, RPC_TIMEOUT)
        self._judge = Judge(client, services.orders, services.payments)
        self._diagnoses = Diagnoses(client, services.orders, services.inventory, services.payments)
        self._judged: dict[Name, Judged] = {}
        self._noted: dict[Name, What] = {}

    async def list_standing(self) -> list[Finding]:
        """What is so still, or may be. RPCError if Temporal does not answer."""
        found = await self._read_found()
        self._judged = {name: each for name, each in self._judged.items() if name in found}
        await self._judge_due(found)
        return self._tell_standing(found)

    async def list_of_order(self, order_id: str) -> list[Finding]:
        """What of it concerns this order. RPCError if Temporal does not answer."""
        every = await self._read_found()
        found = {name: what for name, what in every.items() if what.order_id == order_id}
        await self._judge_due(found)
        return self._tell_standing(found)

    def judge_anew(self, order_id: str) -> None:
        """What concerns this order is judged again when it is asked for next, however fresh."""
        for name, judged in self._judged.items():
            if judged.what is not None and judged.what.order_id == order_id:
                self._judged[name] = replace(judged, at=float("-inf"))

    async def look_into(self, order_id: str, saga_ids: Sequence[str]) -> list[Finding]:
        """Note what an audit would find wrong with this order, and tell it.

        Unavailable if somebody does not answer; RPCError if it is Temporal.
        """
        now = datetime.now(UTC)
        money = await self._judge.of_order(order_id)
        orphans = [await self._diagnoses.of(saga_id) for saga_id in saga_ids]
        found: dict[Name, What] = {(each.intent_id, order_id): each for each in money}
        found.update({(each.saga_id,): each for each in orphans if each is not None})
        for name, what in found.items():
            before = self._judged.get(name)
            if before is None or before.is_over:
                self._judged[name] = Judged(what.keep_date(now), time.monotonic())
                self._noted[name] = what.keep_date(now)
        self._noted = dict([*self._noted.items()][-MOST_NOTED:])
        return await self.list_of_order(order_id)

    async def _read_found(self) -> dict[Name, What]:
        """All that was found, without what was noted and has been judged as over."""
        self._noted = {
            name: what
            for name, what in self._noted.items()
            if name not in self._judged or not self._judged[name].is_over
        }
        left = await self._earlier.read_left()
        orphans: dict[Name, What] = {(saga_id,): orphan for saga_id, orphan in left.orphans.items()}
        return {**self._noted, **orphans, **left.money}

    def _tell_standing(self, found: Mapping[Name, What]) -> list[Finding]:
        judged = [self._judged[name] for name in found if name in self._judged]
        return [_tell(each) for each in judged if each.what is not None]

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
        self._judged |= known

    async def _judge_again(self, before: Judged, found: What) -> Judged:
        """As it is now; as it was, where whoever knows does not answer: what is over stays so."""
        try:
            if isinstance(found, Discrepancy):
                now: What | None = await self._judge.look_again(found)
            else:
                now = await self._diagnoses.of(found.saga_id)
        except Exception as error:  # of whatever kind: one that cannot be judged hides no other
            usual = isinstance(error, Unavailable)
            if not usual:
                log.warning("findings: cannot judge %s", found, exc_info=True)
            doubt = str(error) if usual else describe_error(error)
            return Judged(before.what, time.monotonic(), doubt)
        return Judged(_date(now, before.what, found), time.monotonic())


def _date(now: What | None, before: What | None, found: What) -> What | None:
    """It as it is now, found when it began to be so: what was over in between began anew."""
    if now is None:
        return None
    since = [before.found_at, found.found_at] if before is not None else [datetime.now(UTC)]
    newest = max((each for each in since if each is not None), default=None)
    return now.model_copy(update={"found_at": newest})


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
