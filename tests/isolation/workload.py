"""Clients who order, return, cancel, close accounts, restock and change prices, all at once.

What is asked for is drawn by seed; which of them meet is not, as it hangs on who is served first.
Few products, few pieces of each and few customers, so that most meet somebody.
"""

import asyncio
import contextlib
import itertools
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import asyncpg
import httpx2
from temporalio.client import Client
from temporalio.service import RPCError

from contracts.names import return_id
from tests.support.stack import Stack

PATIENCE = 120.0  # seconds until one operation is answered
PRODUCTS, CUSTOMERS, PIECES, KNOWN = 4, 6, 12, 12
RENEWED = 500  # after so many operations, the operator's token
FIRST_PRICE = 501  # each price is given once, so that a price tells its version
WAIT = {"Prefer": "wait=10"}
METHODS = {
    "pm_card_visa": 80,
    "pm_card_visa_chargeDeclined": 14,
    "pm_sandbox_reply_lost": 3,
    "pm_sandbox_slow": 3,
}
CHANGE_PRICE = "UPDATE products SET price_minor = $2 WHERE sku = $1"


class Operation(NamedTuple):
    """What a client asked for, of what, between which moments, and how it was answered."""

    kind: str
    target: str
    sent: float
    answered: float
    status: int
    told: Mapping[str, Any]


KINDS = {
    "place": 50,
    "place and cancel": 14,
    "return": 14,
    "return and cancel": 4,
    "restock": 9,
    "change price": 4,
    "close": 3,
    "erase": 2,
}


@dataclass
class Workload:
    """The shop and its clients. `log` has all that was asked for and answered.

    `kinds`: how often each is drawn. `patience`: seconds after which a client gives up; `given_up`:
    how often one did. `seconds`: how long all of it took so far.
    """

    stack: Stack
    seed: int
    clients: int
    kinds: Mapping[str, int] = field(default_factory=lambda: KINDS)
    patience: float = PATIENCE
    given_up: int = 0
    seconds: float = 0.0
    log: list[Operation] = field(default_factory=list)
    skus: list[str] = field(default_factory=list)
    customers: list[str] = field(default_factory=list)
    confirmed: deque[str] = field(default_factory=lambda: deque(maxlen=KNOWN))
    _prices: "itertools.count[int]" = field(default_factory=lambda: itertools.count(FIRST_PRICE))
    _next: int = 0
    _end: int = 0

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The shop, with its products and first customers."""
        environment = self.stack.state.environment
        self._temporal = await Client.connect(self.stack.state.urls["temporal"])
        self._inventory = await asyncpg.create_pool(
            environment["INVENTORY_DATABASE_URL"], min_size=1, max_size=2
        )
        # A connection each: one that is kept may be closed in the moment in which it is used again.
        limits = httpx2.Limits(max_connections=self.clients, max_keepalive_connections=0)
        async with (
            self._inventory,
            httpx2.AsyncClient(
                base_url=self.stack.api,
                timeout=PATIENCE,
                limits=limits,
                headers=self.stack.bearer(),
            ) as self._http,
        ):
            await self._open()
            yield

    async def run(self, operations: int) -> None:
        """Have all clients do so many more operations."""
        self._end += operations
        await asyncio.gather(*(self._be_client() for _ in range(self.clients)))

    async def _open(self) -> None:
        for number in range(PRODUCTS):
            sku = f"CROWD-{number}"
            price = {"minor": next(self._prices), "currency": "EUR"}
            body = {"sku": sku, "name": sku, "price": price, "stock": PIECES}
            (await self._http.post("/v1/products", json=body)).raise_for_status()
            self.skus.append(sku)
        for _ in range(CUSTOMERS):
            self.customers.append(await self._new_customer())

    async def _new_customer(self) -> str:
        body = {"name": "Crowd", "email": "crowd@example.com"}
        answer = await self._http.post("/v1/users", json=body)
        user_id: str = answer.raise_for_status().json()["id"]
        return user_id

    async def _be_client(self) -> None:
        """One of them; what it asks for next hangs on the number of the operation alone."""
        while self._next < self._end:
            number, self._next = self._next, self._next + 1
            if number % RENEWED == 0:
                self._http.headers.update(self.stack.bearer())  # it is good for an hour
            choice = random.Random(f"{self.seed}-{number}")
            kind = choice.choices(list(self.kinds), list(self.kinds.values()))[0]
            try:
                async with asyncio.timeout(self.patience):
                    await self._act(kind, number, choice)
            except TimeoutError:
                self.given_up += 1

    async def _act(self, kind: str, number: int, choice: random.Random) -> None:
        if kind.startswith("return") and self.confirmed:
            await self._return(choice, cancels=kind != "return")
        elif kind == "restock":
            path, body = self._any_product(choice) + "/stock", {"quantity": choice.randint(2, 8)}
            await self._ask("restock", path, json=body)
        elif kind == "change price":
            await self._change_price(choice)
        elif kind in {"close", "erase"}:
            await self._close(choice, kind)
        else:
            await self._place(number, choice, cancels=kind == "place and cancel")

    async def _place(self, number: int, choice: random.Random, *, cancels: bool) -> None:
        skus = choice.sample(self.skus, choices_of_lines(choice))
        body = {
            "customer_id": choice.choice(self.customers),
            "items": [{"sku": sku, "quantity": choice.randint(1, 3)} for sku in skus],
            "payment_method": choice.choices(list(METHODS), list(METHODS.values()))[0],
        }
        headers = {"Idempotency-Key": f"{self.seed}-{number}"}
        headers |= {} if cancels else WAIT
        told = await self._ask("place", "/v1/orders", json=body, headers=headers)
        if cancels and "id" in told:
            await asyncio.sleep(choice.random() / 10)  # somewhere in the saga
            await self._ask("cancel", f"/v1/orders/{told['id']}/cancel")
        elif told.get("status") == "confirmed":
            self.confirmed.append(told["id"])

    async def _return(self, choice: random.Random, *, cancels: bool) -> None:
        """Two clients may return the same order, and an operator may cancel that."""
        order_id = choice.choice(self.confirmed)
        asked = asyncio.create_task(self._ask("return", f"/v1/orders/{order_id}/return"))
        if cancels:
            await asyncio.sleep(choice.random())  # somewhere in the saga, or before
            with contextlib.suppress(RPCError):  # not begun, or over
                await self._temporal.get_workflow_handle(return_id(order_id)).cancel()
        await asked

    async def _change_price(self, choice: random.Random) -> None:
        """Nothing of ours changes a price, so that this is done by hand."""
        sku, minor, sent = choice.choice(self.skus), next(self._prices), time.time()
        await self._inventory.execute(CHANGE_PRICE, sku, minor)
        told = {"sku": sku, "minor": minor}
        self.log.append(Operation("change price", sku, sent, time.time(), 200, told))

    async def _close(self, choice: random.Random, kind: str) -> None:
        """Whoever knew the customer may order for it still; somebody else takes its place."""
        place = choice.randrange(CUSTOMERS)
        user_id = self.customers[place]
        verb = "deactivate" if kind == "close" else "erase"
        await self._ask(kind, f"/v1/users/{user_id}/{verb}")
        await asyncio.sleep(choice.random() / 5)
        self.customers[place] = await self._new_customer()

    def _any_product(self, choice: random.Random) -> str:
        return f"/v1/products/{choice.choice(self.skus)}"

    async def _ask(self, kind: str, path: str, **request: Any) -> dict[str, Any]:
        """POST, until the answer is another one than to come later, or has been that for long."""
        sent = time.time()
        while True:
            answer = await self._http.post(path, **request)
            if answer.status_code != 503 or time.time() - sent > self.patience / 2:
                break
            await asyncio.sleep(float(answer.headers.get("retry-after", 1)) / 2)
        told: dict[str, Any] = answer.json()
        assert answer.status_code < 500 or answer.status_code == 503, f"{kind} {path}: {told}"
        self.log.append(Operation(kind, path, sent, time.time(), answer.status_code, told))
        return told

    def count(self) -> Counter[str]:
        """How many of each kind were answered, and how."""
        return Counter(f"{operation.kind} {operation.status}" for operation in self.log)


def choices_of_lines(choice: random.Random) -> int:
    """One line mostly, at times two."""
    return 2 if choice.random() < 0.2 else 1
