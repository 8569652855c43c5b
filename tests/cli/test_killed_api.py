"""The API dies while many say the same: it stays one order, one charge and one answer."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx2

from cli.demo.faults import LocalStack
from tests.support.stack import Stack, client, until_healed

AT_ONCE = 50
STUBBORN = 60.0


async def insist(stack: Stack, body: dict[str, Any], headers: dict[str, str]) -> httpx2.Response:
    """Send the request until there is an answer that is not "try again"."""
    async with client(stack) as http, asyncio.timeout(STUBBORN):
        while True:
            try:
                answer = await http.post("/v1/orders", json=body, headers=headers)
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code != 503:
                return answer
            await asyncio.sleep(0.1)


async def test_fifty_posts_with_one_key_while_the_api_is_killed_are_one_order(
    stack: Stack,
) -> None:
    async with client(stack) as http:
        person = {"name": "Ada", "email": "ada@example.com"}
        user = (await http.post("/v1/users", json=person)).json()["id"]
        sku = f"KILL-{uuid4().hex[:8]}"
        price = {"minor": 700, "currency": "EUR"}
        product = {"sku": sku, "name": "Thing", "price": price, "stock": 100}
        (await http.post("/v1/products", json=product)).raise_for_status()
    items = [{"sku": sku, "quantity": 1}]
    body = {"customer_id": user, "items": items, "payment_method": "pm_card_visa"}
    headers = {"Idempotency-Key": uuid4().hex}
    pid = stack.child("api").pid
    posts = [asyncio.create_task(insist(stack, body, headers)) for _ in range(AT_ONCE)]
    await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
    stack.kill("api")
    answers = await asyncio.gather(*posts)

    await until_healed(stack)
    assert stack.child("api").pid != pid
    later = await insist(stack, body, headers)
    ended = await insist(stack, body, headers | {"Prefer": "wait=10"})
    assert {(answer.status_code, answer.content) for answer in [*answers, later]} == {
        (202, later.content)
    }
    assert later.headers["idempotent-replayed"] == "true"
    assert (ended.status_code, ended.json()["status"]) == (201, "confirmed")
    assert LocalStack(stack.state).ledger(ended.json()["id"])["captured"] == {"eur": 700}
    async with client(stack) as http:
        assert (await http.get(f"/v1/products/{sku}")).json()["sold"] == 1
