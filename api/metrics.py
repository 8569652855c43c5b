"""`GET /metrics`: this process for Prometheus, and how the business stands.

It asks for no token: it is for machines inside. The gateway has no way to it.
"""

import asyncio
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from temporalio.service import RPCError

from api.access import Guarded
from api.backend import Backend, backend
from contracts.errors import ServiceError
from contracts.orders import OrderStatus
from contracts.payments import PaymentStatus
from infrastructure.telemetry.metrics import exposition, gauge

PATIENCE = 2.0  # seconds; what does not answer keeps its last value
router = APIRouter(route_class=Guarded, include_in_schema=False)
log = logging.getLogger(__name__)


@router.get("/metrics")
async def metrics(deps: Annotated[Backend, Depends(backend)]) -> Response:
    """All metrics of this process."""
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(_blocked(deps), _unconfirmed(deps))
    except (ServiceError, RPCError, RuntimeError, TimeoutError) as error:
        log.warning("some metrics are not up to date: %s: %s", type(error).__name__, error)
    text, media_type = exposition()
    return Response(text, media_type=media_type)


async def _blocked(deps: Backend) -> None:
    found = await deps.client.count_workflows("SagaState = 'blocked'")
    gauge("saga_blocked", "Sagas that wait for an operator").set(found.count)


async def _unconfirmed(deps: Backend) -> None:
    """Orders are read first: what is confirmed meanwhile counts for a moment, never against."""
    confirmed = await deps.services.orders.totals(OrderStatus.CONFIRMED)
    captured = await deps.services.payments.totals(PaymentStatus.CAPTURED)
    held = {it.currency: it.minor for it in captured}
    for money in confirmed:
        held[money.currency] = held.get(money.currency, 0) - money.minor
    known = gauge("saga_captured_unconfirmed_minor", "Money that was taken, without its order")
    for currency, minor in held.items():
        known.set(minor, {"currency": currency})
