"""The statements that change an order, made once: each does what it may in one round trip."""

from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.sql.dml import ReturningInsert

from contracts.events.integration_events import DomainEvent
from infrastructure.eventstore.snapshots import Snapshots
from infrastructure.eventstore.store import EventStore
from saga.participant.barrier import Barrier
from saga.participant.barrier_table import claim_first
from saga.participant.clean_action import CleanAction
from services.order import read_model
from services.order.tables import barrier

SNAPSHOT, HISTORY, WRITTEN = "snapshot", "history", "events_written"


def select_history(store: EventStore, snapshots: Snapshots) -> tuple[ColumnElement[Any], ...]:
    """What an order is folded from: its snapshot, if it has one, and the events behind that."""
    return (
        snapshots.state().label(SNAPSHOT),
        store.history(after=snapshots.version()).label(HISTORY),
    )


def recording(store: EventStore) -> ReturningInsert[Any]:
    """The read model's row first, so that concurrent changes of an order lock it in one order."""
    appended = store.along()
    written = select(func.count()).select_from(appended).scalar_subquery()
    return read_model.saving(written.label(WRITTEN)).add_cte(appended)


def recording_as_action(of: Barrier[DomainEvent], store: EventStore) -> CleanAction[DomainEvent]:
    """Likewise, as a step's action: if the order is at the version that it is thought to be at."""
    claim = claim_first(barrier, store.is_at_expected_version(), reply=read_model.reply_to_be())
    saved = read_model.saving(granted=claim).cte("saved")
    return of.clean_action(select(saved).add_cte(store.along(granted=saved)), saved)
