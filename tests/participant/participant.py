"""A participant on the real barrier, that can be put into any state, and is asked by anybody."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infrastructure.postgres.database import Database
from saga.participant import Compensated, KeyReused, Op, Rejected, StepKey
from saga.participant.barrier import Barrier
from services.inventory.tables import barrier as table
from tests.participant.page import NONE, Found, Standing
from tests.support.waiting import until

WHO = ("action", "compensation", "fence", "fence (begun)")
BEGINNING = ("action", "compensation")  # those that may commit before their effect is there
WAITING = """SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()"""
Ask = tuple[str, str | None]  # who comes, and the digest they bring


class Reply(BaseModel):
    """What an attempt answers."""

    said: str


async def at_once() -> None:
    """Commit without waiting."""


class Participant:
    """One step's rows are a key's; each key is used for one case."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._barrier = Barrier(table)
        self._keys = 0
        self.waited = 0  # how often one of two had to wait for the other

    async def put(self, standing: Standing) -> StepKey:
        """A new key, whose rows are these."""
        self._keys += 1
        key = StepKey(saga_id=f"saga-{self._keys}", step="step")
        found = standing.found
        rows = [
            _row(key, Op.ACTION, found.action, standing.action_digest),
            _row(key, Op.COMPENSATION, found.compensation, standing.compensation_digest),
        ]
        async with self.database.transaction() as tx:
            for row in rows:
                if row["state"] != NONE:
                    await tx.execute(insert(table), row)
        return key

    async def rows(self, key: StepKey) -> Standing:
        """The key's rows, as committed."""
        columns = (table.c.op, table.c.state, table.c.digest)
        async with self.database.transaction() as tx:
            statement = select(*columns).where(table.c.saga_id == key.saga_id)
            rows = {row.op: row for row in await tx.execute(statement)}
        action, compensation = rows.get(Op.ACTION), rows.get(Op.COMPENSATION)
        return Standing(
            Found(action.state if action else NONE, compensation.state if compensation else NONE),
            action.digest if action else None,
            compensation.digest if compensation else None,
        )

    async def ask(
        self,
        key: StepKey,
        ask: Ask,
        *,
        begin: bool = False,
        says_no: bool = False,
        hold: Callable[[], Awaitable[None]] = at_once,
    ) -> str:
        """One transaction; its answer, in the page's words.

        `begin`: it is the first of several. `says_no`: the business refuses the effect. `hold` is
        waited for before it commits.
        """
        who, digest = ask
        try:
            async with self.database.transaction() as tx:
                if begin:
                    answer = await self._begin(tx, key, who, digest)
                elif who in BEGINNING:
                    answer = await self._do(tx, key, Op(who), digest, says_no)
                else:
                    answer = await self._fence(tx, key, who)
                await hold()
        except Compensated:
            return "refused"
        except KeyReused:
            return "key reused"
        except Rejected:
            return "the business says no"
        return answer

    async def meet(self, key: StepKey, first: Ask, second: Ask) -> tuple[str, str]:
        """Two at once: the second comes while the first has answered and not committed.

        If the first is refused, or they meet at no row, the second need not wait.
        """
        entered, committing = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            entered.set()
            await committing.wait()

        leading = asyncio.create_task(self.ask(key, first, hold=hold))
        entering = asyncio.create_task(entered.wait())
        await asyncio.wait({leading, entering}, return_when=asyncio.FIRST_COMPLETED)
        following = asyncio.create_task(self.ask(key, second))

        async def waits_or_is_done() -> bool:
            return following.done() or await self.one_waits()

        await until(waits_or_is_done)
        self.waited += not following.done()
        committing.set()
        entering.cancel()
        return await leading, await following

    async def one_waits(self) -> bool:
        """Whether one of this database's sessions waits for another's lock."""
        async with self.database.statement() as tx:
            return bool((await tx.execute(text(WAITING))).scalar_one() > 0)

    async def _fence(self, tx: AsyncConnection, key: StepKey, who: str) -> str:
        stands = await self._barrier.fence(tx, key, started_stands=who != "fence")
        return "stands" if stands else "does not stand"

    async def _do(self, tx: AsyncConnection, key: StepKey, op: Op, digest: Any, no: bool) -> str:
        did: list[str] = []

        def do(what: str) -> Reply:
            if no:
                raise Rejected("sold_out", "there is none left")
            did.append(what)
            return Reply(said="new")

        async def effect() -> Reply:
            return do("takes effect")

        async def undo(acted: Reply | None) -> Reply:
            return do(_undoing(acted))

        if op is Op.ACTION:
            reply = await self._barrier.action(tx, key, Reply, effect, digest=digest)
        else:
            reply = await self._barrier.compensation(tx, key, Reply, Reply, undo, digest=digest)
        assert reply == await _stored(tx, key, op)
        assert len(did) <= 1, did
        return did[0] if did else "first reply"

    async def _begin(self, tx: AsyncConnection, key: StepKey, who: str, digest: Any) -> str:
        if await self._barrier.claim(tx, key, Reply, Op(who), digest=digest) is not None:
            return "first reply"
        if who == "action":
            return "takes effect"
        return _undoing(await self._barrier.void(tx, key, Reply, digest=digest))


def _row(key: StepKey, op: Op, state: str, digest: str | None) -> dict[str, Any]:
    replied = state in {"done", "compensated"}
    reply = {"said": f"first {op}"} if replied else None
    identity = {"saga_id": key.saga_id, "step": key.step, "op": op}
    return identity | {"state": state, "reply": reply, "digest": digest}


def _undoing(acted: Reply | None) -> str:
    return "undoes nothing" if acted is None else "undoes the effect"


async def _stored(tx: AsyncConnection, key: StepKey, op: Op) -> Reply:
    where = (table.c.saga_id == key.saga_id, table.c.op == op)
    return Reply.model_validate((await tx.execute(select(table.c.reply).where(*where))).scalar())
