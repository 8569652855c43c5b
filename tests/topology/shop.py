"""Orders on a stack, placed by customers who send the same again until they have an answer."""

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

import asyncpg
import httpx2

from tests.support.stack import Stack, client
from tests.support.waiting import until

AT_ONCE = 8
STUBBORN = 150.0
LOOKED_EVERY = 0.5
STATUSES = "SELECT status, count(*) FROM orders WHERE customer_id = $1 GROUP BY status"
ENDS = {"confirmed", "rejected", "cancelled", "timed_out"}


@dataclass
class Shop:
    """A customer and a product with enough stock."""

    stack: Stack
    user: str = ""
    sku: str = field(default_factory=lambda: f"SHOP-{uuid4().hex[:8]}")
    accepted: list[str] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def open(self) -> None:
        """Make them."""
        async with client(self.stack) as http:
            body = {"name": "Shop", "email": "shop@example.com"}
            self.user = (await http.post("/v1/users", json=body)).raise_for_status().json()["id"]
            price = {"minor": 500, "currency": "EUR"}
            product = {"sku": self.sku, "name": "Thing", "price": price, "stock": 10_000}
            (await http.post("/v1/products", json=product)).raise_for_status()

    async def place(self, count: int) -> None:
        """Place so many orders, a few at once; returns when all are accepted."""
        limit = asyncio.Semaphore(AT_ONCE)
        async with client(self.stack) as http:

            async def one() -> None:
                async with limit:
                    self.accepted.append(await self._insist(http))

            await asyncio.gather(*(one() for _ in range(count)))

    async def until_accepted(self, count: int) -> None:
        """Until so many orders were accepted."""

        async def so_many() -> bool:
            return len(self.accepted) >= count

        await until(so_many, within=STUBBORN)

    async def ended(self, within: float) -> Counter[str]:
        """How all accepted orders ended, once they have."""
        began = time.monotonic()
        while True:
            found = await self.statuses()
            if sum(found[ending] for ending in ENDS) == len(self.accepted):
                return found
            assert time.monotonic() - began < within, f"not ended after {within:g} s: {found}"
            await asyncio.sleep(LOOKED_EVERY)

    async def statuses(self) -> Counter[str]:
        """How this customer's orders stand."""
        return await recorded(self.stack, self.user)

    async def _insist(self, http: httpx2.AsyncClient) -> str:
        """Place one order, whatever it takes; its id."""
        body = {
            "customer_id": self.user,
            "items": [{"sku": self.sku, "quantity": 1}],
            "payment_method": "pm_card_visa",
        }
        headers = {"Idempotency-Key": f"{self.sku}-{next(self._numbers)}"}
        async with asyncio.timeout(STUBBORN):
            while True:
                answer = await http.post("/v1/orders", json=body, headers=headers)
                if answer.status_code != 503:
                    assert answer.status_code == 202, answer.text
                    order_id: str = answer.json()["id"]
                    return order_id
                await asyncio.sleep(float(answer.headers["retry-after"]) / 2)


async def recorded(stack: Stack, user: str) -> Counter[str]:
    """How a customer's orders stand, as recorded: a look that costs the stack nothing."""
    connection = await asyncpg.connect(stack.state.environment["ORDER_DATABASE_URL"])
    try:
        rows = await connection.fetch(STATUSES, user)
    finally:
        await connection.close()
    return Counter({row["status"]: row["count"] for row in rows})
