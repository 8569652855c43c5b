"""`/health/live` asks nothing of others; `/health/ready` asks the databases and Temporal.

Nothing of it is needed to start: whatever is missing may come later, in any order.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from temporalio.service import RPCError

from api.dependencies import Backend, backend
from api.security.authorization import AuthorizedRoute
from contracts.names import SEARCH_ATTRIBUTES
from infrastructure.http.graceful_shutdown import is_draining
from infrastructure.http.health_endpoints import live
from saga.participant import ServiceError

router = APIRouter(prefix="/health", tags=["health"], route_class=AuthorizedRoute)
router.get("/live")(live)
PATIENCE = 3.0  # seconds


class Health(BaseModel):
    """Ready if every check is `ok`; else a check says what is wrong.

    `degraded` is what makes orders wait though all that is ours is ready: it takes no process out
    of service, since none would do better.
    """

    status: Literal["ready", "not_ready"]
    checks: Mapping[str, str]
    degraded: Mapping[str, str] = {}


@router.get("/ready", responses={503: {"model": Health}})
async def ready(
    request: Request, deps: Annotated[Backend, Depends(backend)], response: Response
) -> Health:
    """Everything that an order needs answers, and the process is not being stopped."""
    if is_draining(request.scope):
        response.status_code = 503
        return Health(status="not_ready", checks={"process": "it is being stopped"})
    probes = {name: probe() for name, probe in deps.services.probes.items()}
    probes["temporal"] = _temporal(deps)
    probes["search_attributes"] = _search_attributes(deps)
    *answers, wrong = await asyncio.gather(
        *(_check(probe) for probe in probes.values()), deps.provider_health.find_wrong()
    )
    checks = dict(zip(probes, answers, strict=True))
    healthy = all(answer == "ok" for answer in answers)
    response.status_code = 200 if healthy else 503
    degraded = {"payment_provider": wrong} if wrong else {}
    return Health(status="ready" if healthy else "not_ready", checks=checks, degraded=degraded)


async def _temporal(deps: Backend) -> None:
    await deps.client.service_client.check_health(timeout=timedelta(seconds=PATIENCE))


async def _search_attributes(deps: Backend) -> None:
    """Ask for what nobody has: Temporal refuses a query by an attribute that is not registered."""
    query = " AND ".join(f"{name} = 'none'" for name in SEARCH_ATTRIBUTES)
    await deps.client.count_workflows(query, rpc_timeout=timedelta(seconds=PATIENCE))


async def _check(probe: Awaitable[None]) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            await probe
    except (ServiceError, RPCError, RuntimeError, TimeoutError) as error:
        return f"{type(error).__name__}: {str(error) or f'no answer in {PATIENCE} s'}"
    return "ok"
