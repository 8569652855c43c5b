"""`/v1/orders/{order_id}/events`: what happened to an order."""

from typing import Annotated

from fastapi import APIRouter, Depends

from api.access import Guarded
from api.auth import Me
from api.backend import Backend, backend
from api.openapi import errors
from api.orders import find_order
from api.redaction import event_for
from contracts.errors import NotFound
from contracts.events import RecordedEvent

router = APIRouter(prefix="/v1/orders", tags=["orders"], route_class=Guarded)
Deps = Annotated[Backend, Depends(backend)]


@router.get("/{order_id}/events", responses=errors(404))
async def order_events(order_id: str, me: Me, deps: Deps) -> list[RecordedEvent]:
    """What happened to the order, oldest first. Operators see all of it."""
    if me.customer is not None:
        await find_order(order_id, me, deps)
    try:
        events = await deps.services.orders.history(order_id)
        return [event_for(me, it) for it in events]
    except NotFound:
        await deps.sagas.accepted(order_id)  # accepted, but nothing recorded yet
        return []
