"""Which steps of an order's sagas wait for an operator, since when, and why.

By the order's events, which are there though no worker is, and by what the sagas themselves tell.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from api.orders.resolutions import role_of
from api.story.facts import OrderFacts
from api.temporal.observed_saga import ObservedSaga
from contracts.base import Message, ToldTime
from contracts.event_records import RecordedEvent
from contracts.names import workflow_id
from contracts.orders import RETURN_ABANDONED
from saga import StepState

BEGINNINGS = {"OrderPlaced"}  # what was blocked before is of an earlier life
ENDS_OF_PLACING = {"OrderConfirmed", "OrderRejected", "OrderCancelled", "OrderTimedOut"}
ENDS_OF_RETURN = {"OrderReturned", RETURN_ABANDONED}


class BlockedStep(Message):
    """A step that waits for an operator. `role`: what of it does; older records do not say."""

    saga_id: str
    step: str
    role: str | None
    why: str
    since: ToldTime


def list_blocked(facts: OrderFacts) -> list[BlockedStep]:
    """Those of all sagas of the order that are open, the longest wait first."""
    ended = {each.saga.saga_id for each in facts.sagas if each.has_ended or each.was_stopped}
    found = [
        step for step in find_in_events(facts.order.id, facts.events) if step.saga_id not in ended
    ]
    known = {(step.saga_id, step.step) for step in found}
    for each in facts.sagas:
        found += [
            step
            for step in _find_in_view(each.saga, facts.order.updated_at)
            if (step.saga_id, step.step) not in known
        ]
    return sorted(found, key=lambda step: step.since)


def find_in_events(order_id: str, events: Sequence[RecordedEvent]) -> list[BlockedStep]:
    """Those that are on record as blocked, and not as free again or ended since."""
    placing = workflow_id(order_id)
    found: dict[tuple[str, str, str | None], BlockedStep] = {}
    for event in events:
        step, role = str(event.data.get("step")), event.data.get("role")
        saga_id = event.data.get("saga_id") or placing
        if event.type == "StepBlocked":
            first = found.get((saga_id, step, role))
            found[saga_id, step, role] = BlockedStep(
                saga_id=saga_id,
                step=step,
                role=role,
                why=str(event.data.get("blocked")),
                since=first.since if first else event.recorded_at,
            )
        elif event.type == "StepUnblocked":
            found.pop((saga_id, step, role), None)
        elif event.type in BEGINNINGS | ENDS_OF_PLACING:
            found = {key: each for key, each in found.items() if key[0] != placing}
        elif event.type in ENDS_OF_RETURN:
            found = {key: each for key, each in found.items() if key[0] == placing}
    return list(found.values())


def _find_in_view(saga: ObservedSaga, otherwise: datetime) -> Iterator[BlockedStep]:
    """Those of which nothing is on record yet."""
    view = saga.view if saga.trouble is None or saga.trouble.goes_on else None
    for step in view.steps if view else ():
        if step.state is StepState.BLOCKED:
            began = datetime.fromisoformat(step.started_at) if step.started_at else otherwise
            role = role_of(step, undoing=view is not None and view.cause is not None)
            yield BlockedStep(
                saga_id=saga.saga_id, step=step.name, role=role, why=step.error or "", since=began
            )
