"""What Envoy itself says of where calls go: the only one who knows."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2

from local_stack.envoy import SOCKET
from tests.support.stack import Stack

SAMPLED_EVERY = 0.2


@dataclass
class Traffic:
    """Calls to each instance of a service, as they were sampled: when, and how many more."""

    sent: dict[int, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    _totals: dict[int, int] = field(default_factory=dict)

    def sample(self, totals: dict[int, int]) -> None:
        """Totals by port; one that is new, or smaller than before, began anew."""
        now = time.monotonic()
        for port, total in totals.items():
            before = self._totals.get(port, 0)
            more = total - before if total >= before else total
            if more:
                self.sent[port].append((now, more))
        self._totals = totals

    def between(self, port: int, begin: float, end: float) -> int:
        """How many calls it was sent in this time."""
        return sum(more for at, more in self.sent[port] if begin <= at < end)

    def last_before(self, port: int, moment: float) -> float:
        """When it was sent something for the last time before this moment."""
        return max((at for at, _ in self.sent[port] if at < moment), default=0.0)

    def first_after(self, port: int, moment: float) -> float | None:
        """When it was sent something for the first time after this moment."""
        return min((at for at, _ in self.sent[port] if at > moment), default=None)


def admin(stack: Stack) -> httpx2.AsyncClient:
    """Envoy's own interface, on a socket of the stack's folder."""
    transport = httpx2.AsyncHTTPTransport(uds=str(stack.state_dir / SOCKET))
    return httpx2.AsyncClient(transport=transport, base_url="http://admin")


@asynccontextmanager
async def watching(stack: Stack, service: str) -> AsyncIterator[Traffic]:
    """The traffic to a service's instances, sampled meanwhile."""
    traffic = Traffic()
    async with admin(stack) as http:
        traffic.sample(await _totals(http, service))
        traffic.sent.clear()

        async def go_on() -> None:
            while True:
                traffic.sample(await _totals(http, service))
                await asyncio.sleep(SAMPLED_EVERY)

        sampling = asyncio.create_task(go_on())
        try:
            yield traffic
        finally:
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)


async def calls(stack: Stack, service: str) -> int:
    """How many calls of a service Envoy has taken, whatever became of them."""
    name = f"http.{service}_service.downstream_rq_total"
    async with admin(stack) as http:
        said = (await http.get("/stats", params={"filter": f"^{name}$"})).text
    return int(said.split(":")[1])


async def _totals(http: httpx2.AsyncClient, service: str) -> dict[int, int]:
    """Calls so far, by the instance's port."""
    said = (await http.get("/clusters")).text.splitlines()
    lines = [
        record.split("::")
        for record in said
        if record.startswith(f"{service}::") and "::rq_total::" in record
    ]
    return {int(place.rpartition(":")[2]): int(total) for _, place, _, total in lines}
