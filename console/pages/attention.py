"""`/console/attention`: sagas that wait for an operator, and what operators have decided."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from api.dependencies import Backend, backend
from api.story.attention import list_attention
from api.temporal.saga_listing import SagaFound
from api.temporal.troubles import LATE, Kind
from console.dependencies import ConsoleBackend, ConsoleDeps
from console.live_updates import Parts, acquire_stream, answer_live, every, stream_updates
from console.order_details import OrderDetails, read_details_of_saga
from console.saga_diagram import Node, Picture
from console.security import csrf
from console.session_route import ConsoleRoute, SignedIn
from console.templating import page, part
from contracts.base import Money
from contracts.order_statistics import Intervention
from saga.participant import Rejected

MOST = 100  # sagas that are listed, as many as the number in the navigation counts
MOST_BLOCKED = 50  # of them whose steps are looked at; the others are listed as the API has them
AT_ONCE = 5  # of them; each asks a worker
DECISIONS = 20
PAUSE = 3.0  # seconds; Temporal's visibility lags by about one
PARTS = "attention_parts.html"
router = APIRouter(prefix=f"{csrf.PATH}/attention", route_class=ConsoleRoute)
Deps = Annotated[Backend, Depends(backend)]


@dataclass(frozen=True)
class WaitingStep:
    """A step that waits for an operator, since when, and the money that waits with it, if known."""

    case: OrderDetails
    saga: Picture
    node: Node
    since: datetime
    stake: Money | None

    @property
    def actions(self) -> Sequence[str]:
        """What may be said of it: a question can only be asked again."""
        return list(self.node.words)


@router.get("")
async def attention(request: Request, me: SignedIn, deps: Deps) -> Response:
    """The page."""
    live = f"{csrf.PATH}/attention/live"
    return page(request, "attention.html", live=live, **await _read_all(deps))


@router.get("/live", dependencies=[Depends(acquire_stream)])
async def attention_stream(me: SignedIn, deps: ConsoleDeps) -> Response:
    """The page's stream."""
    frames = stream_updates(partial(_all_parts, deps), every(PAUSE))
    return answer_live(frames, until=me.caller.until)


async def _all_parts(deps: ConsoleBackend) -> Parts:
    return {**await _parts(deps), **await deps.board.attention_part()}


async def _parts(deps: Backend) -> Parts:
    found = await _read_all(deps)
    return {
        "blocked": part(PARTS, "blocked_part", found["waiting"]),
        "calm": part(PARTS, "calm_part", found["waiting"], found["troubles"]),
        "troubles": part(PARTS, "troubles_part", found["troubles"]),
        "decisions": part(PARTS, "decisions_part", found["decisions"]),
    }


async def _read_all(deps: Backend) -> dict[str, Any]:
    decisions: list[Intervention] = await deps.services.orders.interventions(DECISIONS)
    found = await list_attention(deps.services, deps.troubles, LATE, MOST)
    waiting = await _find_waiting_steps(found, deps)
    shown = {step.saga.saga_id for step in waiting}
    troubles = [row for row in found if row.saga_id not in shown]
    return {"waiting": waiting, "troubles": troubles, "decisions": decisions}


async def _find_waiting_steps(found: Sequence[SagaFound], deps: Backend) -> list[WaitingStep]:
    """The steps that wait in the first of these: the most money first, then the longest wait."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def look(saga_id: str) -> list[WaitingStep]:
        async with turns:
            try:
                case = await read_details_of_saga(saga_id, deps)
            except Rejected:  # it is gone, or cannot be read, which is a trouble of its own
                return []
            return list_waiting_steps(case, saga_id)

    blocked = [row.saga_id for row in found if row.trouble and row.trouble.kind is Kind.BLOCKED]
    each = await asyncio.gather(*(look(saga_id) for saga_id in blocked[:MOST_BLOCKED]))
    return sorted((item for some in each for item in some), key=_rank)


def _rank(waiting: WaitingStep) -> tuple[int, datetime]:
    return -waiting.stake.minor if waiting.stake else 0, waiting.since


def list_waiting_steps(case: OrderDetails, saga_id: str) -> list[WaitingStep]:
    """The steps of one saga that wait."""
    stake = case.story.money.at_stake
    blocked = {(step.saga_id, step.step): step.since for step in case.story.blocked}
    return [
        WaitingStep(
            case, saga, node, blocked.get((saga_id, node.name), case.order.updated_at), stake
        )
        for saga in case.sagas
        if saga.saga_id == saga_id
        for node in saga.blocked
    ]
