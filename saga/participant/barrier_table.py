"""The table of the barrier, and the statements that change a row of it, made once each."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    DateTime,
    MetaData,
    Table,
    Text,
    Update,
    bindparam,
    case,
    exists,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.sql.dml import ReturningInsert

from saga.participant.key import StepKey
from saga.participant.states import Op, State

ITS_REPLY = bindparam("its_reply", type_=JSONB)
REUSED = "reused"  # answered instead of the state of a row that is another command's; never stored


def barrier_table(metadata: MetaData) -> Table:
    """The table `barrier` in a service's own database.

    `digest` tells the row's command. Rows of fences have none, nor have those from before it was
    kept.
    """
    return Table(
        "barrier",
        metadata,
        Column("saga_id", Text, primary_key=True),
        Column("step", Text, primary_key=True),
        Column("op", Text, primary_key=True),
        Column("state", Text, nullable=False),
        Column("reply", JSONB),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("digest", Text),
    )


def moving(
    table: Table, first: State, transitions: Mapping[State, State]
) -> ReturningInsert[tuple[str, Any]]:
    """Insert a row as `first`, or move the one that is there; its state after, and its reply.

    A row of another command stays as it is, and `REUSED` is answered for its state.
    """
    state, digest = table.c.state, bindparam("its_digest", type_=Text)
    reused = table.c.digest != digest  # neither true nor false where one of them is not known
    moved = [(state == old, new) for old, new in transitions.items()]
    return (
        insert(table)
        .values(
            saga_id=bindparam("its_saga"),
            step=bindparam("its_step"),
            op=bindparam("its_op"),
            state=first,
            digest=digest,
        )
        .on_conflict_do_update(
            index_elements=["saga_id", "step", "op"],
            set_={"state": case((reused, state), *moved, else_=state) if moved else state},
        )
        .returning(case((reused, REUSED), else_=state).label("state"), table.c.reply)
    )


def finishing(table: Table) -> Update:
    """Store the reply of a row, which is done from now on."""
    row = table.c
    its: dict[str, Any] = {name: bindparam(f"its_{name}") for name in ("saga", "step", "op")}
    return (
        update(table)
        .where(row.saga_id == its["saga"], row.step == its["step"], row.op == its["op"])
        .values(state=State.DONE, reply=ITS_REPLY)
    )


def claim_first(
    table: Table,
    when: ColumnElement[bool],
    *,
    state: State = State.DONE,
    reply: ColumnElement[Any] = ITS_REPLY,
) -> CTE:
    """Insert an action's row, if there is none and if `when`: a row; else nothing, and no row.

    Waits for whoever is inserting it. `when` tells of before that, and may not be true any more.
    """
    its = [bindparam(f"its_{name}", type_=Text) for name in ("saga", "step", "digest")]
    row = select(*its, literal(Op.ACTION.value), literal(state.value), reply).where(when)
    return (
        insert(table)
        .from_select(["saga_id", "step", "digest", "op", "state", "reply"], row)
        .on_conflict_do_nothing()
        .returning(table.c.step)
        .cte("claim")
    )


def claim_begun(table: Table) -> CTE:
    """Lock an action's row, if it has begun, and by this command; a row if so."""
    row = table.c
    its = (row.saga_id == bindparam("its_saga"), row.step == bindparam("its_step"))
    begun = (row.op == Op.ACTION, row.state == State.STARTED, row.digest == bindparam("its_digest"))
    return select(row.step).where(*its, *begun).with_for_update().cte("claim")


def finish_begun(table: Table, granted: CTE) -> CTE:
    """Store the reply of a row that `claim_begun` holds, if there is a row in `granted`; a row."""
    finish = finishing(table).where(exists().select_from(granted))
    return finish.returning(table.c.step).cte("finished")


def of_row(key: StepKey, op: Op) -> dict[str, Any]:
    """The parameters by which a statement finds a row."""
    return {"its_saga": key.saga_id, "its_step": key.step, "its_op": op}


def of_claim(key: StepKey, digest: str | None, op: Op = Op.ACTION) -> dict[str, Any]:
    """The parameters of `moving`, or of a statement that a claim is a part of."""
    return of_row(key, op) | {"its_digest": digest}
