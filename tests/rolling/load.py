"""A steady load of orders by REST, and a judgement of every single answer.

The arrivals do not wait for each other (open loop), so a system that stands still does not make its
own load lighter. An answer is good, or says by 503, 504 or 429, by `Retry-After` and a problem
document that the same may be sent again; everything else is a failure, and so is a connection that
cannot be made or breaks.
"""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.rolling.parts import HOST, Entry

PATIENCE = 90.0  # seconds of trying again, until an order is accepted
ANSWERED_WITHIN = 60.0  # longer than any time-out on the way
RETRYABLE = {429, 503, 504}
DECLINED, CANCELLED, WAITING = 5, 7, 3  # every so-manieth order
GOOD, FAILED = "good", "failed"
# Told to come later: by the API, which lacks a part, or has too much to do; or by a gateway, which
# lacks an answer.
BY_API, BY_GATEWAY = "later", "no answer"
GATEWAYS = ("the API does not answer", "no answer came")  # its words


@dataclass(frozen=True)
class Placed:
    """An order that was accepted, and the request that made it."""

    key: str
    body: Mapping[str, Any]
    id: str
    declined: bool


@dataclass
class Load:
    """One customer's orders. `phase` names what is being restarted."""

    entries: list[Entry]
    headers: Mapping[str, str]
    user: str
    sku: str
    phase: str = "calm"
    placed: list[Placed] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    took: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    _turns: "itertools.count[int]" = field(default_factory=itertools.count)
    _clients: dict[int, httpx2.AsyncClient] = field(default_factory=dict)

    async def come(self, rate: float, over: asyncio.Event) -> None:
        """`rate` orders a second, until it is over; returns when all are accepted."""
        coming: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        begin = loop.time()
        try:
            for number in itertools.count():
                await asyncio.sleep(max(0.0, begin + number / rate - loop.time()))
                if over.is_set():
                    break
                coming.add(asyncio.create_task(self._one(number)))
            await asyncio.gather(*coming)
        finally:
            for client in self._clients.values():
                await client.aclose()

    async def _one(self, number: int) -> None:
        """Place an order, read it and what happened to it, and cancel it if it is one of those."""
        declined = number % DECLINED == DECLINED - 1
        method = "pm_card_visa_chargeDeclined" if declined else "pm_card_visa"
        items = [{"sku": self.sku, "quantity": 1}]
        body = {"customer_id": self.user, "items": items, "payment_method": method}
        key = f"{self.sku}-{number}"
        prefer = {"Prefer": "wait=5"} if number % WAITING == 0 else {}
        headers = {"Idempotency-Key": key} | prefer
        answer = await self._insist("POST", "/v1/orders", {200, 201, 202}, headers, body)
        order = Placed(key, body, answer.json()["id"], declined)
        self.placed.append(order)
        path = f"/v1/orders/{order.id}"
        await self._insist("GET", path, {200})
        await self._insist("GET", f"{path}/events", {200})
        if number % CANCELLED == CANCELLED - 1:
            await self._insist("POST", f"{path}/cancel", {200, 202, 409})

    async def _insist(
        self,
        method: str,
        path: str,
        expected: set[int],
        headers: Mapping[str, str] | None = None,
        body: object = None,
    ) -> httpx2.Response:
        """Ask until there is an answer that says neither "later" nor nothing."""
        async with asyncio.timeout(PATIENCE):
            while True:
                phase = self.phase
                found = await self._ask(method, path, headers or {}, body)
                if isinstance(found, str):
                    self._failed(phase, f"{method} {path}: {found}")
                elif found.status_code in expected:
                    self.counts[phase][GOOD] += 1
                    return found
                elif _is_retryable(found):
                    lost = found.json()["detail"].startswith(GATEWAYS)
                    self.counts[phase][BY_GATEWAY if lost else BY_API] += 1
                    await asyncio.sleep(float(found.headers["retry-after"]) / 2)
                    continue
                else:
                    said = f"{found.status_code} {found.headers} {found.text}"
                    self._failed(phase, f"{method} {path}: {said}")
                await asyncio.sleep(0.3)

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: object
    ) -> httpx2.Response | str:
        """The answer, or what went wrong with the connection."""
        entry = self.entries[next(self._turns) % len(self.entries)]
        client = self._client(entry.port)
        try:
            return await client.request(method, path, headers=dict(headers), json=body)
        except httpx2.HTTPError as error:
            return f"{type(error).__name__}: {error}"

    def _client(self, port: int) -> httpx2.AsyncClient:
        if port not in self._clients:
            self._clients[port] = httpx2.AsyncClient(
                base_url=f"http://{HOST}:{port}",
                headers=self.headers,
                timeout=ANSWERED_WITHIN,
                trust_env=False,
            )
        return self._clients[port]

    def _failed(self, phase: str, what: str) -> None:
        self.counts[phase][FAILED] += 1
        self.failures.append(f"while {phase} restarts: {what}")

    def so_many_more(self, count: int) -> Callable[[], Any]:
        """A condition: so many orders more than now were accepted."""
        goal = len(self.placed) + count

        async def met() -> bool:
            return len(self.placed) >= goal

        return met


def _is_retryable(answer: httpx2.Response) -> bool:
    """Whether it says, for programs to see, that the same may be sent again, and when."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    return (
        answer.status_code in RETRYABLE
        and answer.headers.get("retry-after", "").isdigit()
        and kind == "application/problem+json"
        and bool(answer.json()["code"])
    )
