"""The statements that change an order, made once: each does what it may in one round trip."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.sql.dml import ReturningInsert

from contracts.events.integration_events import DomainEvent
from infrastructure.eventstore.snapshots import Snapshots
from infrastructure.eventstore.store import EventStore
from saga.participant import StepKey
from saga.participant.barrier import Barrier
from saga.participant.barrier_table import of_claim
from services.order import read_model

STATE, REPLY, HISTORY, WRITTEN = "state", "reply", "history", "events_written"
SNAPSHOT = "snapshot"


def select_history(store: EventStore, snapshots: Snapshots) -> tuple[ColumnElement[Any], ...]:
    """What an order is folded from: its snapshot, if it has one, and the events behind that."""
    return (
        snapshots.state().label(SNAPSHOT),
        store.history(after=snapshots.version()).label(HISTORY),
    )


def claiming(of: Barrier[DomainEvent], known: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """Claim a step and read the order's history, in one statement.

    The history is that of before the claim waited for its lock, if it had to: whatever was appended
    meanwhile is found out when the next event is.
    """
    claim = of.claiming()
    return select(claim.c.state.label(STATE), claim.c.reply.label(REPLY), *known)


def its(key: StepKey, digest: str, order_id: str) -> dict[str, Any]:
    """The parameters of `claiming`."""
    return of_claim(key, digest) | {"its_stream": order_id}


def recording(store: EventStore) -> ReturningInsert[Any]:
    """The read model's row first, so that concurrent changes of an order lock it in one order."""
    appended = store.along()
    written = select(func.count()).select_from(appended).scalar_subquery()
    return read_model.saving(written.label(WRITTEN)).add_cte(appended)
