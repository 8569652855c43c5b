"""Looks after the list: drops who fails its health check, and tells others who there is."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

import httpx2

from infrastructure.registry.registry import Instance, Registry
from saga.participant import ServiceError

EVERY = 1.0  # seconds from one look to the next
PATIENCE = 1.0  # seconds for a health check
FAILURES = 2  # in a row, until an instance is dropped
log = logging.getLogger(__name__)

Healthy = Callable[[Instance], Awaitable[bool]]
Publish = Callable[[Mapping[str, Sequence[Instance]]], None]


class HealthChecker:
    """Checks the instances on one list. `publish` gets the instances of each of the services."""

    def __init__(
        self, registry: Registry, services: Sequence[str], healthy: Healthy, publish: Publish
    ) -> None:
        self._registry = registry
        self._services = services
        self._healthy = healthy
        self._publish = publish
        self._failed: Counter[Instance] = Counter()

    async def look(self) -> None:
        """Look once. While the registry is away, what was published last stands."""
        try:
            listed = [instance.instance for instance in await self._registry.instances()]
            sick = await self._sick(listed)
        except ServiceError as error:
            log.warning("the registry does not answer, the last list stands: %s", error)
            return
        good = [instance for instance in listed if instance not in sick]
        self._publish(
            {
                name: [instance for instance in good if instance.service == name]
                for name in self._services
            }
        )

    async def _sick(self, listed: Sequence[Instance]) -> set[Instance]:
        """Those that failed often enough: dropped, until they are well and come again."""
        answers = await asyncio.gather(*(self._healthy(one) for one in listed))
        failed = {answer for answer, well in zip(listed, answers, strict=True) if not well}
        self._failed = Counter({one: self._failed[one] + 1 for one in failed})
        sick = {one for one, times in self._failed.items() if times >= FAILURES}
        for instance in sick:
            log.warning("%s fails its health check and is dropped", instance.name)
            await self._registry.drop(instance)
        return sick

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again, until told to stop."""
        while not stop.is_set():
            await self.look()
            try:
                async with asyncio.timeout(EVERY):
                    await stop.wait()
            except TimeoutError:
                continue


def health_by(http: httpx2.AsyncClient) -> Healthy:
    """Whether an instance says of itself that it is ready."""

    async def healthy(instance: Instance) -> bool:
        url = f"http://{instance.host}:{instance.port}/health/ready"
        try:
            async with asyncio.timeout(PATIENCE):
                return (await http.get(url)).status_code == 200
        except (httpx2.HTTPError, TimeoutError):
            return False

    return healthy
