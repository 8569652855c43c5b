"""Keeps one instance on the list for as long as it is ready."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from infrastructure.cancellation import not_cancelled
from infrastructure.registry.registry import Instance, Registry
from saga.participant import ServiceError

RENEWED_EVERY = 3.0  # seconds; three times within a lease, so that one may be lost
AGAIN_AFTER = 0.5  # … while it is not ready, or the registry does not answer
log = logging.getLogger(__name__)


@asynccontextmanager
async def keep_registered(
    registry: Registry,
    instance: Instance,
    ready: Callable[[], Awaitable[None]],
    *,
    every: float = RENEWED_EVERY,
) -> AsyncIterator[None]:
    """On the list while the block lasts and `ready` does not raise; off it at the end.

    A registry that is away delays nothing: the lease is renewed when it is back.
    """
    keeping = asyncio.create_task(_keep(registry, instance, ready, every))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        with contextlib.suppress(ServiceError):  # then its lease ends
            await registry.drop(instance)


async def _keep(
    registry: Registry, instance: Instance, ready: Callable[[], Awaitable[None]], every: float
) -> None:
    while not_cancelled():
        try:
            await ready()
            await registry.renew(instance)
        except ServiceError as error:
            log.warning("%s is not registered: %s", instance.name, error)
            await asyncio.sleep(AGAIN_AFTER)
        except Exception:  # whatever befell one renewal: who gives up here is never called again
            log.exception("%s is not registered", instance.name)
            await asyncio.sleep(AGAIN_AFTER)
        else:
            await asyncio.sleep(every)
