"""The table of the barrier, and the statements that change a row of it, made once each."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    MetaData,
    Table,
    Text,
    Update,
    bindparam,
    case,
    func,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.sql.dml import ReturningInsert

from saga.participant.key import StepKey
from saga.participant.states import Op, State

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
        .values(state=State.DONE, reply=bindparam("its_reply", type_=JSONB))
    )


def of_row(key: StepKey, op: Op) -> dict[str, Any]:
    """The parameters by which a statement finds a row."""
    return {"its_saga": key.saga_id, "its_step": key.step, "its_op": op}


def of_claim(key: StepKey, digest: str | None, op: Op = Op.ACTION) -> dict[str, Any]:
    """The parameters of `moving`, or of a statement that a claim is a part of."""
    return of_row(key, op) | {"its_digest": digest}
