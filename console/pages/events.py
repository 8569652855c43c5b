"""`/console/events`: what happened to all orders, newest first, as it happens."""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from console.dependencies import ConsoleBackend, ConsoleDeps
from console.live_updates import Parts, acquire_stream, answer_live, stream_updates, wake_on_events
from console.security import csrf
from console.session_route import ConsoleRoute, SignedIn
from console.templating import page, part
from contracts.event_records import Position, PositionedEvent
from saga.participant import Rejected

ROWS = 50
LATEST = 5.0  # seconds after which is looked though nothing happened
PARTS = "events_parts.html"
PATH = f"{csrf.PATH}/events"
router = APIRouter(prefix=PATH, route_class=ConsoleRoute)


@router.get("")
async def events_page(
    *,
    request: Request,
    me: SignedIn,
    deps: ConsoleDeps,
    before: Annotated[str, Query(max_length=50)] = "",
) -> Response:
    """The page: the newest, or those before the event with this id."""
    place = _read_place(before)
    events = await deps.services.orders.list_newest_events(place, ROWS)
    more = f"{PATH}?before={events[-1].position}" if len(events) == ROWS else ""
    live = None if place else f"{PATH}/live"
    return page(request, "events.html", events=events, more=more, first=place is None, live=live)


@router.get("/live", dependencies=[Depends(acquire_stream)])
async def events_stream(me: SignedIn, deps: ConsoleDeps) -> Response:
    """The page's stream."""
    return answer_live(_frames(deps), until=me.caller.until)


async def _frames(deps: ConsoleBackend) -> AsyncIterator[bytes]:
    newest = await deps.services.orders.newest_event()
    async with wake_on_events(deps.broadcaster.subscribe_to_all(newest), lambda: LATEST) as wait:
        async for frame in stream_updates(partial(_parts, deps), wait):
            yield frame


async def _parts(deps: ConsoleBackend) -> Parts:
    found: Sequence[PositionedEvent] = await deps.services.orders.list_newest_events(None, ROWS)
    rows_by_key = {str(each.position): part(PARTS, "row", each) for each in found}
    return {"events": rows_by_key, **await deps.board.attention_part()}


def _read_place(text: str) -> Position | None:
    """None for what is no event's id: then the page is the first."""
    try:
        return Position.parse(text) if text else None
    except Rejected:
        return None
