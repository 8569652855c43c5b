"""The barrier: at-least-once attempts, exactly one effect or none.

Every step of a saga has one row for its action and one for its compensation, written in the
transaction of the effect. A row's state tells what a late, repeated or overtaken attempt may do:

    started      an action of several transactions has begun (payment); nothing is promised yet
    done         it took effect; `reply` is what every repetition gets
    compensated  it took effect and was undone; the action is refused from now on
    tombstone    its compensation came first; the action is refused, whenever it arrives

Concurrent attempts meet at the row's lock and see each other's outcome. The idea is dtm's
"sub-transaction barrier"; unlike it, a repetition gets the first answer, not a bare success.

A repetition says the same. Each row keeps the digest of its command (`saga.participant.digest`),
and whoever comes with the same key and another command is refused as KeyReused, and changes
nothing. A compensation takes its action's command, so it is held to the action's row, too. A fence
has no command, and a row from before digests were kept has none to compare with.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, Never, TypeVar, overload

from pydantic import BaseModel
from sqlalchemy import CTE, Select, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert

from saga.participant.barrier_table import REUSED, finishing, moving, of_claim, of_row
from saga.participant.clean_action import CleanAction
from saga.participant.errors import Compensated, KeyReused
from saga.participant.key import StepKey
from saga.participant.observer import BarrierEvent, Observer
from saga.participant.outbox import Outbox
from saga.participant.records import StepRecord
from saga.participant.states import Op, State

R = TypeVar("R", bound=BaseModel)
A = TypeVar("A", bound=BaseModel)
E_contra = TypeVar("E_contra", contravariant=True)


def no_events(_: BaseModel) -> Sequence[Never]:
    """What an attempt publishes of which nobody needs to know."""
    return ()


class Barrier(Generic[E_contra]):
    """The barrier of one service. Every method works in the caller's transaction.

    What a finished attempt has to publish goes to the outbox in the statement that finishes it; a
    service without one publishes nothing. `observer` is told what attempts meet.
    Statements are made once: putting one together costs as much time as running it.
    """

    @overload
    def __init__(
        self: "Barrier[Never]",
        table: Table,
        outbox: None = None,
        *,
        observer: Observer | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self, table: Table, outbox: Outbox[E_contra], *, observer: Observer | None = None
    ) -> None: ...

    def __init__(
        self,
        table: Table,
        outbox: Outbox[E_contra] | None = None,
        *,
        observer: Observer | None = None,
    ) -> None:
        self._table = table
        self._outbox = outbox
        self._observer = observer
        self._moves: dict[object, ReturningInsert[tuple[str, Any]]] = {}
        finish = finishing(table)
        self._finish = finish if outbox is None else outbox.along(finish)

    async def action(
        self,
        tx: AsyncConnection,
        key: StepKey,
        reply_type: type[R],
        effect: Callable[[], Awaitable[R]],
        *,
        digest: str,
        events: Callable[[R], Sequence[E_contra]] = no_events,
    ) -> R:
        """Run `effect` once, and publish its `events`; a repetition gets the first reply.

        Raises Compensated if the step was undone, before or after it took effect, and KeyReused if
        the key is another command's.
        """
        stored = await self.claim(tx, key, reply_type, digest=digest)
        if stored is not None:
            return stored
        reply = await effect()
        return await self.finish(tx, key, reply, events=events(reply))

    def clean_action(self, statement: Select[Any], granted: CTE) -> CleanAction[E_contra]:
        """An action as this one statement, with its events; see `saga.participant.clean_action`."""
        return CleanAction(statement, granted, self._outbox)

    async def compensation(
        self,
        tx: AsyncConnection,
        key: StepKey,
        action_type: type[A],
        reply_type: type[R],
        undo: Callable[[A | None], Awaitable[R]],
        *,
        digest: str | None,
        events: Callable[[R], Sequence[E_contra]] = no_events,
    ) -> R:
        """Run `undo` once, with the action's reply, or None if the action never took effect.

        Either way the action is refused from now on. A repetition gets the first reply. Raises
        KeyReused if the action's command was another. Without a digest nothing is compared: it is
        not the step's own saga that asks.
        """
        stored = await self.claim(tx, key, reply_type, Op.COMPENSATION, digest=digest)
        if stored is not None:
            return stored
        reply = await undo(await self.void(tx, key, action_type, digest=digest))
        return await self.finish(tx, key, reply, Op.COMPENSATION, events=events(reply))

    async def claim(
        self,
        tx: AsyncConnection,
        key: StepKey,
        reply_type: type[R],
        op: Op = Op.ACTION,
        *,
        digest: str | None,
    ) -> R | None:
        """Begin an attempt: the stored reply if one is done, None if the effect is still to do.

        Locks the row until the transaction ends, which is where concurrent attempts wait.
        """
        found = await self._upsert(tx, of_claim(key, digest, op), State.STARTED, {})
        return self.judge_claim(key, found, reply_type, op)

    def judge_claim(
        self, key: StepKey, found: tuple[str, Any], reply_type: type[R], op: Op = Op.ACTION
    ) -> R | None:
        """What a claim's (state, reply) mean: see `claim`."""
        state, reply = found
        self._same_command(key, state, op)
        if state in {State.COMPENSATED, State.TOMBSTONE}:
            self._observe(BarrierEvent.LATE, op)
            raise Compensated(f"step {key.step} of {key.saga_id} has been compensated")
        if state != State.DONE:
            return None
        self._observe(BarrierEvent.DUPLICATE, op)
        return reply_type.model_validate(reply)

    async def finish(
        self,
        tx: AsyncConnection,
        key: StepKey,
        reply: R,
        op: Op = Op.ACTION,
        *,
        events: Sequence[E_contra] = (),
    ) -> R:
        """Store the reply of a claimed attempt, in the transaction of its last effect.

        The claim must be of this transaction: it is what holds the lock.
        """
        stored = {"its_reply": reply.model_dump(mode="json")}
        await tx.execute(self._finish, of_row(key, op) | stored | self._outbox_rows(tx, events))
        return reply

    async def void(
        self, tx: AsyncConnection, key: StepKey, action_type: type[A], *, digest: str | None
    ) -> A | None:
        """Refuse the action from now on; its reply if it had taken effect, else None.

        Without a digest it is another step that asks, with a command of its own, so there is
        nothing to compare.
        """
        transitions = {State.STARTED: State.TOMBSTONE, State.DONE: State.COMPENSATED}
        claim = of_claim(key, digest)
        state, reply = await self._upsert(tx, claim, State.TOMBSTONE, transitions)
        self._same_command(key, state, Op.ACTION)
        if state == State.TOMBSTONE:
            self._observe(BarrierEvent.TOMBSTONE, Op.ACTION)
        return action_type.model_validate(reply) if state == State.COMPENSATED else None

    async def fence(
        self, tx: AsyncConnection, key: StepKey, *, started_stands: bool = False
    ) -> bool:
        """Refuse an action that has not taken effect yet; True if it had, which then stands.

        `started_stands`: an action of several transactions stands as soon as it has begun, since
        nobody can call back what it has sent out.
        """
        transitions = {} if started_stands else {State.STARTED: State.TOMBSTONE}
        state, _ = await self._upsert(tx, of_claim(key, None), State.TOMBSTONE, transitions)
        return state in {State.STARTED, State.DONE}

    async def records(self, tx: AsyncConnection, saga_id: str) -> list[StepRecord]:
        """All rows of a saga, oldest first; changes and locks nothing."""
        row = self._table.c
        statement = (
            select(row.step, row.op, row.state, row.created_at.label("recorded_at"))
            .where(row.saga_id == saga_id)
            .order_by(row.created_at, row.step, row.op)
        )
        return [StepRecord(**found._mapping) for found in await tx.execute(statement)]

    async def _upsert(
        self,
        tx: AsyncConnection,
        claim: Mapping[str, Any],
        first: State,
        transitions: Mapping[State, State],
    ) -> tuple[str, Any]:
        """Insert the row as `first`, or move the one that is there; its state after and reply.

        One round trip. Locks the row: waits for a concurrent attempt and sees what it committed.
        """
        kind = (first, *transitions.items())
        if kind not in self._moves:
            self._moves[kind] = moving(self._table, first, transitions)
        found = (await tx.execute(self._moves[kind], dict(claim))).one()
        return found.state, found.reply

    def _same_command(self, key: StepKey, state: str, op: Op) -> None:
        """KeyReused if the row that was found is another command's."""
        if state == REUSED:
            self._observe(BarrierEvent.KEY_REUSED, op)
            what = f"{key.step} of {key.saga_id}"
            raise KeyReused(f"{what} was asked for with another command before")

    def _outbox_rows(self, tx: AsyncConnection, events: Sequence[E_contra]) -> dict[str, Any]:
        """The outbox's part of what finishes an attempt. TypeError if there is no outbox."""
        if self._outbox is not None:
            return self._outbox.rows(tx, events)
        if events:
            raise TypeError("there are events to publish, and this barrier has no outbox")
        return {}

    def _observe(self, event: BarrierEvent, op: Op) -> None:
        if self._observer is not None:
            self._observer(event, op)
