"""Customers who come whether or not the shop copes, and what the storm looks like meanwhile."""

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from temporalio.client import Client

from tests.support.stack import Stack, client
from tests.topology.shop import ENDS, recorded

FULL = 24  # callers who wait for each order's end: they find out what full load is
CANCELLED = 4  # every so many-th customer of an outage changes his mind
OPEN = "WorkflowType = 'PlaceOrder' AND ExecutionStatus = 'Running'"
UNDOING = f"{OPEN} AND SagaState = 'compensating'"


class Sample(NamedTuple):
    """One look: `at` in seconds; sagas that are open, and being undone; orders so far."""

    at: float
    open: int
    undoing: int
    window: int
    accepted: int
    refused: int
    ended: int


@dataclass
class Arrivals:
    """Orders of one customer on a stack. `temporal` looks at their sagas."""

    stack: Stack
    temporal: Client
    user: str
    sku: str
    accepted: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    refused: int = 0
    samples: list[Sample] = field(default_factory=list)
    cancelling: bool = False
    began: float = field(default_factory=time.monotonic)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    async def full_load(self, seconds: float) -> float:
        """Orders a second that the stack ends, at saturation."""
        until, ended = time.monotonic() + seconds, 0

        async def caller(http: httpx2.AsyncClient) -> None:
            nonlocal ended
            while time.monotonic() < until:
                await self._place(http, Prefer="wait=10")
                ended += 1

        async with client(self.stack) as http:
            await asyncio.gather(*(caller(http) for _ in range(FULL)))
        return ended / seconds

    async def come(self, rate: float, until: asyncio.Event) -> None:
        """Place `rate` orders a second, whatever becomes of them."""
        coming: set[asyncio.Task[None]] = set()
        begin = time.monotonic()
        async with client(self.stack) as http:
            for number in itertools.count():
                await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
                if until.is_set():
                    break
                task = asyncio.create_task(self._place(http))
                coming.add(task)
                task.add_done_callback(coming.discard)
            await asyncio.gather(*coming)

    async def watch(self, until: asyncio.Event) -> None:
        """Look every second."""
        async with client(self.stack) as http:
            while not until.is_set():
                self.samples.append(await self._look(http))
                await asyncio.sleep(1)

    async def statuses(self) -> Counter[str]:
        """How the orders stand."""
        return await recorded(self.stack, self.user)

    async def _place(self, http: httpx2.AsyncClient, **headers: str) -> None:
        number = next(self._numbers)
        body = {
            "customer_id": self.user,
            "items": [{"sku": self.sku, "quantity": 1}],
            "payment_method": "pm_card_visa",
        }
        headers["Idempotency-Key"] = f"{self.sku}-{number}"
        answer = await http.post("/v1/orders", json=body, headers=headers, timeout=60)
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1
            self.refused += 1
            return
        assert answer.status_code in {200, 201, 202}, answer.text
        order_id = answer.json()["id"]
        self.accepted.append(order_id)
        if self.cancelling and number % CANCELLED == 0:
            await asyncio.sleep(2)
            cancelled = await http.post(f"/v1/orders/{order_id}/cancel", timeout=60)
            if cancelled.status_code in {200, 202}:
                self.cancelled.append(order_id)

    async def _look(self, http: httpx2.AsyncClient) -> Sample:
        found = await asyncio.gather(
            *(self.temporal.count_workflows(item) for item in (OPEN, UNDOING))
        )
        statuses = await self.statuses()
        return Sample(
            at=self.now,
            open=found[0].count,
            undoing=found[1].count,
            window=await _window(http),
            accepted=len(self.accepted),
            refused=self.refused,
            ended=sum(statuses[ending] for ending in ENDS),
        )


async def _window(http: httpx2.AsyncClient) -> int:
    text = (await http.get("/metrics")).text
    return next(
        (
            int(sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "saga_admission_window"
        ),
        0,
    )
