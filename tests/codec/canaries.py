"""Two hundred orders full of canaries, and every place where one could sing.

A canary is personal data that occurs nowhere else. Services fail now and then, with messages that
quote it, as careless ones do.
"""

import asyncio
import base64
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import Any

import asyncpg
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from contracts.names import SERVICES
from contracts.payments import ChargePayment, Payment, PaymentService
from infrastructure.telemetry.logs import formatter_of, hush
from infrastructure.telemetry.settings import TelemetrySettings
from saga.participant import StepKey, Unavailable
from services.composition import Services
from tests.support.waiting import until
from tests.support.world import World

MARK = "canary7f3e"
NAME, EMAIL = f"Ada {MARK}-name", f"{MARK}-mail@example.com"
WORDS = f"call me, {NAME}, at {EMAIL}"  # in a customer's own free text
AT_ONCE = 20
MOST_EXAMPLES = 5
REAL = {
    "fine": "pm_card_visa",
    "failing": "pm_card_visa",
    "declined": "pm_card_visa_chargeDeclined",
}


class Quoting:
    """The payment service, with methods of payment of our own, and failures that quote them."""

    def __init__(self, payments: PaymentService) -> None:
        self._payments = payments
        self._tried: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._payments, name)

    async def charge(self, key: StepKey, command: ChargePayment) -> Payment:
        """By the method's ending: charged, declined, unknown to the provider, failing, stuck."""
        kind = command.payment_method.rpartition("_")[2]
        self._tried[command.order_id] += 1
        quoted = f"{EMAIL} cannot pay by {command.payment_method}"
        if kind == "failing" and self._tried[command.order_id] == 1:
            raise RuntimeError(quoted)
        if kind == "stuck" or (kind == "failing" and self._tried[command.order_id] == 2):
            raise Unavailable(quoted)
        return await self._payments.charge(key, _real(command))

    async def refund(self, key: StepKey, command: ChargePayment) -> Payment:
        """Of what was asked for: one key, one command."""
        return await self._payments.refund(key, _real(command))


def _real(command: ChargePayment) -> ChargePayment:
    """The same, by a method that the provider knows."""
    kind = command.payment_method.rpartition("_")[2]
    method = REAL.get(kind, command.payment_method)
    return command.model_copy(update={"payment_method": method})


def quoting(services: Services) -> Services:
    """The services, with that payment service among them."""
    return replace(services, payments=Quoting(services.payments))


@dataclass
class Found:
    """How many canaries were found where, and how much was searched."""

    hits: Counter[str] = field(default_factory=Counter)
    searched: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def search(self, place: str, content: bytes) -> None:
        self.searched[place] += len(content)
        hits = sum(content.count(form) for form in _forms(MARK))
        self.hits[place] += hits
        if hits and len(self.examples) < MOST_EXAMPLES:
            at = min(form for form in map(content.find, _forms(MARK)) if form >= 0)
            self.examples.append(f"{place}: …{content[max(0, at - 200) : at + 100]!r}…")


def _forms(mark: str) -> Iterator[bytes]:
    """As text, and as base64 has it wherever it begins."""
    yield mark.encode()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + mark.encode() + b"\0\0\0")
        yield encoded[4 if offset else 0 : -8]


async def orders_of_all_kinds(world: World, kinds: Iterable[tuple[str, str]]) -> Counter[str]:
    """Place an order of each kind, cancel the stuck ones, and wait for all; how they ended.

    A kind is the last word of a payment method, and how its order must end.
    """
    body = {"name": NAME, "email": EMAIL}
    user = (await world.http.post("/v1/users", json=body)).raise_for_status().json()["id"]
    sku = await world.product(stock=10_000)
    places = asyncio.Semaphore(AT_ONCE)

    async def one(kind: str, expected: str) -> str:
        async with places:
            order_id = await world.place(sku, user=user, method=f"pm_{MARK}_{kind}", quantity=1)
            if kind == "stuck":
                cancel = f"/v1/orders/{order_id}/cancel"
                answer = await world.post(cancel, json={"reason": WORDS})
                assert answer.status_code in {200, 202}, answer.text

            async def ended() -> bool:
                return (await world.order(order_id)).status == expected

            await world.sagas_end(order_id)
            await until(ended)
            return expected

    return Counter(await asyncio.gather(*(one(*sort) for sort in kinds)))


async def search_temporal(world: World, found: Found) -> None:
    """Histories with their failures, memos, descriptions and search attributes, without keys."""
    outsider = await Client.connect(world.address, data_converter=pydantic_data_converter)
    async for execution in outsider.list_workflows():
        handle = outsider.get_workflow_handle(execution.id, run_id=execution.run_id)
        async for event in handle.fetch_history_events():
            place = "failures" if b"failure" in str(event).lower().encode() else "histories"
            found.search(place, event.SerializeToString())
        described = (await handle.describe()).raw_description
        info = described.workflow_execution_info
        found.search("memos", info.memo.SerializeToString())
        found.search("search attributes", info.search_attributes.SerializeToString())
        found.search("descriptions", described.SerializeToString())


async def search_databases(world: World, found: Found) -> None:
    """What is published, and all that other services than the user service keep, by column."""
    for service in SERVICES:
        url = getattr(world.databases, f"{service}_database_url").replace("+asyncpg", "")
        connection = await asyncpg.connect(url)
        try:
            rows = await connection.fetch("SELECT row_to_json(o)::text AS row FROM outbox o")
            for row in rows:
                found.search("published events", row["row"].encode())
        finally:
            await connection.close()


@contextmanager
def logged(settings: TelemetrySettings) -> Iterator[StringIO]:
    """What processes of ours would log meanwhile, by these settings."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter_of("canaries", settings))
    hush()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
