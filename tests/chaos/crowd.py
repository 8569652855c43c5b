"""Customers who never give up: they retry with the same key until they have an answer."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.support.stack import Stack, client

STUBBORN = 90.0
METHODS = {
    "pm_card_visa": 60,
    "pm_card_mastercard": 10,
    "pm_card_visa_chargeDeclined": 12,
    "pm_sandbox_reply_lost": 10,
    "pm_sandbox_slow": 8,
}
CANCEL_SHARE = 0.12
STOCK = 150  # less than is asked for, so that some are told that it is sold out
PRICE = {"minor": 700, "currency": "EUR"}


@dataclass
class Crowd:
    """Places orders; remembers what was accepted under which key."""

    stack: Stack
    random: random.Random
    user: str = ""
    skus: list[str] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)

    async def seed(self) -> None:
        """A customer and two products."""
        async with client(self.stack) as http:
            body = {"name": "Crowd", "email": "crowd@example.com"}
            self.user = (await http.post("/v1/users", json=body)).json()["id"]
            for sku in ("CHAOS-A", "CHAOS-B"):
                product = {"sku": sku, "name": sku, "price": PRICE, "stock": STOCK}
                (await http.post("/v1/products", json=product)).raise_for_status()
                self.skus.append(sku)

    async def place(self, key: str, method: str | None = None) -> str:
        """Place one order, whatever it takes, and perhaps cancel it; its id."""
        chosen = method or self.random.choices(list(METHODS), list(METHODS.values()))[0]
        skus = self.skus if self.random.random() < 0.5 else self.skus[:1]
        body = {
            "customer_id": self.user,
            "items": [{"sku": sku, "quantity": self.random.randint(1, 2)} for sku in skus],
            "payment_method": chosen,
        }
        cancels = method is None and self.random.random() < CANCEL_SHARE
        async with client(self.stack) as http:
            answer = await self._insist(http, "/v1/orders", json=body, key=key)
            assert answer.status_code == 202, answer.text
            order_id: str = answer.json()["id"]
            assert self.accepted.setdefault(key, order_id) == order_id
            if cancels:
                await asyncio.sleep(self.random.random() / 2)  # somewhere in the saga
                await self._insist(http, f"/v1/orders/{order_id}/cancel")
        return order_id

    async def _insist(
        self, http: httpx2.AsyncClient, path: str, *, key: str | None = None, json: Any = None
    ) -> httpx2.Response:
        """POST until there is an answer other than "try again"."""
        headers = {"Idempotency-Key": key} if key else {}
        async with asyncio.timeout(STUBBORN):
            while True:
                try:
                    answer = await http.post(path, json=json, headers=headers)
                except httpx2.HTTPError:
                    await asyncio.sleep(0.3)
                    continue
                if answer.status_code != 503:
                    return answer
                await asyncio.sleep(0.3)
