"""`GET /metrics`: this process for Prometheus, and how the business stands.

It asks for no token: it is for machines inside. The gateway has no way to it.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from temporalio.service import RPCError

from api.dependencies import Backend, backend
from api.orders.exposure import read_stakes, sum_by_currency, sum_stock
from api.security.authorization import AuthorizedRoute
from api.temporal.saga_listing import IS_OPEN
from contracts.money.currencies import exponent_of
from contracts.payments import Captured
from infrastructure.telemetry.metrics import exposition, gauge
from saga.participant import ServiceError

PATIENCE = 2.0  # seconds; what does not answer keeps its last value
router = APIRouter(route_class=AuthorizedRoute, include_in_schema=False)
log = logging.getLogger(__name__)


@router.get("/metrics")
async def metrics(deps: Annotated[Backend, Depends(backend)]) -> Response:
    """All metrics of this process."""
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(_measure_blocked(deps), _measure_at_stake(deps))
    except (ServiceError, RPCError, RuntimeError, TimeoutError) as error:
        log.warning("some metrics are not up to date: %s: %s", type(error).__name__, error)
    text, media_type = exposition()
    return Response(text, media_type=media_type)


async def _measure_blocked(deps: Backend) -> None:
    found = await deps.client.count_workflows(f"SagaState = 'blocked' AND {IS_OPEN}")
    gauge("saga_blocked", "Sagas that wait for an operator").set(found.count)


async def _measure_at_stake(deps: Backend) -> None:
    """What a service that is down would know keeps its last value."""
    found = await read_stakes(deps.services, deps.client)
    if found.money is not None:
        _measure_money(deps, found.money)
    if found.stock is not None:
        stock = sum_stock(found.stock)
        gauge("saga_stock_held", "Pieces that are reserved for open orders").set(stock.pieces)
        oldest = gauge("saga_stock_held_seconds", "For how long some have been")
        oldest.set(stock.oldest_seconds)


def _measure_money(deps: Backend, captured: Sequence[Captured]) -> None:
    """A currency of which nothing is at stake any more is told as 0."""
    money = {amount.currency: amount for amount in sum_by_currency(captured)}
    deps.currencies.update(money)
    sums = gauge("saga_captured_unconfirmed_minor", "Money taken, or perhaps so, without its order")
    units = gauge("saga_captured_unconfirmed_amount", "The same, in units of the currency")
    ages = gauge("saga_captured_unconfirmed_seconds", "For how long some of it has been")
    for currency in deps.currencies:
        some = money.get(currency)
        minor = some.minor if some else 0
        sums.set(minor, {"currency": currency})
        units.set(minor / 10 ** exponent_of(currency), {"currency": currency})
        ages.set(some.oldest_seconds if some else 0, {"currency": currency})
