"""`/console/services`: instances, circuit breakers, balancing, task queues and workers."""

import asyncio
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from temporalio.client import Client

from console.dependencies import ConsoleBackend, ConsoleDeps
from console.live_updates import Parts, acquire_stream, answer_live, every, stream_updates
from console.security import csrf
from console.session_route import ConsoleRoute, SignedIn
from console.sources import prometheus
from console.sources.task_queues import QueueState, describe_queues
from console.templating import page, part
from saga.participant import Unavailable

PAUSE = 2.0  # seconds
TEMPLATE = "services_parts.html"
PARTS = ("queues", "workers", "breakers", "instances", "balancing")
router = APIRouter(prefix=f"{csrf.PATH}/services", route_class=ConsoleRoute)


@router.get("")
async def services_page(request: Request, me: SignedIn, deps: ConsoleDeps) -> Response:
    """The page."""
    live = f"{csrf.PATH}/services/live"
    return page(request, "services.html", seen=await _look(deps), live=live)


@router.get("/live", dependencies=[Depends(acquire_stream)])
async def services_stream(me: SignedIn, deps: ConsoleDeps) -> Response:
    """The page's stream."""
    frames = stream_updates(partial(_parts, deps), every(PAUSE))
    return answer_live(frames, until=me.caller.until)


async def _parts(deps: ConsoleBackend) -> Parts:
    seen = await _look(deps)
    parts = {name: part(TEMPLATE, f"{name}_part", seen) for name in PARTS}
    return {**parts, **await deps.board.attention_part()}


async def _look(deps: ConsoleBackend) -> dict[str, Any]:
    """Everything that answers; what does not is None, and the page says so."""
    settings = deps.console
    found, processes, spread = await asyncio.gather(
        _queues(deps.client),
        prometheus.read_processes(settings.metrics),
        prometheus.read_shares(settings.envoy),
    )
    workers = {worker.identity: worker for queue in found or () for worker in queue.workers}
    return {
        "queues": found,
        "workers": sorted(workers.values(), key=lambda it: it.identity),
        "waited": {(item.queue, item.kind): item for item in prometheus.sum_task_waits(processes)},
        "silent": [process.name for process in processes if process.text is None],
        "breakers": prometheus.list_breakers(processes),
        "instances": prometheus.list_instances(processes),
        "shares": spread,
        "settings": settings,
    }


async def _queues(client: Client) -> list[QueueState] | None:
    try:
        return await describe_queues(client)
    except Unavailable:
        return None
