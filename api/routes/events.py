"""Events of one order, and of all: as they are on record, or live as Server-Sent Events."""

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import nullcontext
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.sse import format_sse_event
from starlette.datastructures import Headers

from api.dependencies import Backend, backend
from api.http.content_negotiation import prefers
from api.http.openapi import errors
from api.http.openapi_responses import STREAM
from api.http.problem_details import Problem, overload_problem
from api.http.query_parameters import IN_DIGITS
from api.http.request_limits import EVENT_STREAM, JSON
from api.http.sse import EventStream
from api.lists import EventList, OrderEventList
from api.orders.live_events import count_unknown, is_on_record
from api.routes.orders import find_order
from api.schemas import OrderEventOut
from api.security.authentication import Me
from api.security.authorization import AuthorizedRoute
from api.security.redaction import event_for
from contracts.event_records import BEGINNING, Position, PositionedEvent, RecordedEvent
from contracts.orders import OrderService
from saga.participant import NotFound

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1", route_class=AuthorizedRoute)
Deps = Annotated[Backend, Depends(backend)]
FIELDS = set(RecordedEvent.model_fields)
RETRY = 1000  # milliseconds after which a client comes back
POSITION = r"^[0-9]{1,19}-[0-9]{1,19}$"
SEEN = "The id of the last event that you saw: only later ones"


def live(request: Request, deps: Deps) -> Iterator[bool]:
    """Whether a stream is asked for; it has a place for as long as it lasts."""
    if not prefers(Headers(scope=request.scope), EVENT_STREAM, JSON):
        yield False
        return
    with deps.streams.try_acquire() as acquired:
        if not acquired:
            raise overload_problem("too many streams are open; come back later")
        yield True


Live = Annotated[bool, Depends(live)]


@router.get(
    "/orders/{order_id}/events",
    responses=STREAM | errors(404, 422),
    response_model=OrderEventList,
    tags=["orders"],
)
async def order_events(
    order_id: str,
    me: Me,
    deps: Deps,
    live: Live,
    seen: Annotated[
        str, Header(alias="Last-Event-ID", pattern=r"^[0-9]{1,9}$", description=SEEN)
    ] = "0",
) -> OrderEventList | Response:
    """What happened to the order, oldest first. Operators see all of it.

    With `Accept: text/event-stream`, that, and then each event when it happens. An event's id is
    its version.
    """
    after = int(seen)
    async with deps.broadcaster.turn if live else nullcontext():
        order = await find_order(order_id, me, deps)
    if after > order.version and not await _has_event(deps.services.orders, order_id, after):
        raise unknown_event(seen, str(order.version))
    if live:
        frames = _frames_of_order(deps.broadcaster.subscribe_to_order(order_id, after), after, me)
        return EventStream(frames, until=me.until)
    try:
        events = await deps.services.orders.history(order_id, after=after)
    except NotFound:  # accepted, but nothing recorded yet
        events = []
    return OrderEventList(items=[event_for(me, event) for event in events])


@router.get(
    "/events",
    responses=STREAM | errors(422),
    response_model=EventList,
    tags=["events"],
)
async def all_events(
    *,
    me: Me,
    deps: Deps,
    live: Live,
    seen: Annotated[
        str | None,
        Header(alias="Last-Event-ID", pattern=POSITION, description=SEEN),
    ] = None,
    limit: Annotated[
        int, Query(ge=1, le=200, description="Of a stream: no bound"), IN_DIGITS
    ] = 100,
    cursor: Annotated[
        str | None,
        Query(pattern=POSITION, description="`next_cursor` of the page before; as `Last-Event-ID`"),
    ] = None,
) -> EventList | Response:
    """Events of all orders, in one order that keeps each order's own; oldest first.

    With `Accept: text/event-stream`, each when it happens, and before that those behind
    `Last-Event-ID`, if it is given. `0-0` is before the first.
    """
    async with deps.broadcaster.turn if live else nullcontext():
        newest = await deps.services.orders.newest_event()
        asked = seen or cursor
        after = Position.parse(asked) if asked else newest if live else BEGINNING
        if after != newest and not await is_on_record(deps.services.orders, after):
            raise unknown_event(str(after), str(after.resume_after_restore(newest)))
    if live:
        frames = _frames_of_all(deps.broadcaster.subscribe_to_all(after), after)
        return EventStream(frames, until=me.until)
    events = await deps.services.orders.all_events(after, limit)
    further = str(events[-1].position) if len(events) == limit else None
    return EventList(items=[OrderEventOut.of(event) for event in events], next_cursor=further)


def unknown_event(seen: str, resume: str) -> Problem:
    """400: no event has this id. It was never told, or the database was restored to before it.

    The header `Last-Event-ID` of the answer is the id behind which nothing was missed.
    """
    count_unknown(1)
    log.warning(
        "a reader is ahead of the record: event %s is unknown, it goes on at %s", seen, resume
    )
    detail = f"there is no event {seen} on record; go on behind {resume}"
    return Problem(400, "unknown_event_id", detail, headers={"Last-Event-ID": resume})


async def _has_event(orders: OrderService, order_id: str, version: int) -> bool:
    """Whether an order has this version on record; notes may be, before the order itself is."""
    try:
        return bool(await orders.history(order_id, after=version - 1))
    except NotFound:
        return False


async def _frames_of_order(
    followed: AsyncIterator[Sequence[RecordedEvent]], after: int, me: Me
) -> AsyncIterator[bytes]:
    yield format_sse_event(id=str(after), retry=RETRY)
    async for events in followed:
        yield b"".join(_frame_of_order(event_for(me, event)) for event in events)


def _frame_of_order(event: RecordedEvent) -> bytes:
    data = event.model_dump_json(include=FIELDS)
    return format_sse_event(id=str(event.version), event=event.type, data_str=data)


async def _frames_of_all(
    followed: AsyncIterator[Sequence[PositionedEvent]], after: Position
) -> AsyncIterator[bytes]:
    yield format_sse_event(id=str(after), retry=RETRY)
    async for events in followed:
        yield b"".join(_frame_of_all(OrderEventOut.of(event)) for event in events)


def _frame_of_all(event: OrderEventOut) -> bytes:
    return format_sse_event(id=event.id, event=event.type, data_str=event.model_dump_json())
