"""The local stack as drills use it: its API, its databases, its provider and its Temporal."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx2
from temporalio.client import Client

from cli.client import Api, api_token
from contracts.names import order_of
from infrastructure.security.jwks import is_loopback
from infrastructure.temporal import client as temporal
from local_stack.errors import StackError
from local_stack.options import database_variable
from local_stack.state import state_file
from local_stack.state.running_stacks import missing_stack
from local_stack.state.state_file import StackState
from local_stack.state_dir import find_state_dir

PRICE: dict[str, Any] = {"minor": 900, "currency": "EUR"}
STOCK, QUANTITY = 10, 2
COST = PRICE["minor"] * QUANTITY  # minor units of an order
WITHIN = 180.0  # seconds for what the stack does by itself, on however slow a machine
POLL = 0.1
SILENCE = 10.0  # seconds after which the provider counts as down
NEVER_LATE = 86400  # seconds: so that no saga counts as stuck for its age alone
DATABASES = (database_variable("order"), database_variable("inventory"))
PLACES = ("TEMPORAL_ADDRESS", "PAYMENT_PROVIDER_URL", *DATABASES)

SHELF = "SELECT available, reserved, sold FROM products WHERE sku = $1"


class Placed(NamedTuple):
    """An order of a product of its own."""

    order_id: str
    sku: str


class Moved(NamedTuple):
    """Minor units of an order, by the provider's ledger."""

    captured: int
    refunded: int


class Shelf(NamedTuple):
    """Pieces of a product."""

    available: int
    reserved: int
    sold: int


class PracticeStack:
    """A stack on this machine, and nothing else: an incident is made on purpose."""

    def __init__(self, state: StackState, state_dir: Path) -> None:
        """StackError if a part of it is on another machine."""
        self.state = state
        self.state_dir = state_dir
        self.environment = state.environment
        url = state.urls["api"]
        for name in PLACES:
            place = self.environment[name]
            host = urlsplit(place if "://" in place else f"//{place}").hostname
            if not is_loopback(host):
                raise StackError(f"drills are for a stack on this machine: {name} is at {host}")
        self.api = Api(url, api_token(url, state_dir, {}), patience=WITHIN)
        self._client: Client | None = None

    @classmethod
    def find(cls, given: Path) -> "PracticeStack":
        """The one that runs from here. StackError if none does."""
        state_dir = find_state_dir(given)
        state = state_file.running(state_dir)
        if state is None:
            raise missing_stack(given, "`saga up` starts one")
        return cls(state, state_dir)

    def close(self) -> None:
        """Let go of its API."""
        self.api.close()

    async def connect(self) -> Client:
        """A client of its Temporal."""
        if self._client is None:
            self._client = await temporal.connect(environment=self.environment)
        return self._client

    def place(self, method: str = "pm_card_visa") -> Placed:
        """Place an order of two pieces, by a new customer, of a new product."""
        sku = f"DRILL-{uuid4().hex[:8].upper()}"
        person = {"name": "Ada Drill", "email": f"{sku.lower()}@example.com"}
        customer = self.api.post("/v1/users", person)["id"]
        product = {"sku": sku, "name": "Drill", "price": PRICE, "stock": STOCK}
        self.api.post("/v1/products", product)
        return Placed(self.api.place(customer, {sku: QUANTITY}, method)["id"], sku)

    async def place_charged(self, method: str) -> Placed:
        """One whose money has moved, though nobody of ours may know it yet."""
        placed = self.place(method)
        await self.until(lambda: self._is_charged(placed.order_id), "a charge")
        return placed

    async def _is_charged(self, order_id: str) -> bool:
        return bool(self.read_ledger(order_id).captured)

    def read_ledger(self, order_id: str) -> Moved:
        """What the provider has moved for an order."""
        said = self._ask_provider("GET", "/ledger", params={"order": order_id})
        return Moved(sum(said["captured"].values()), sum(said["refunded"].values()))

    def order_fault(self, operation: str, kind: str, order_id: str, times: int) -> None:
        """Have the provider's next answers to an order be of this kind, see `sandbox.faults`."""
        form = {"operation": operation, "kind": kind, "order": order_id, "times": str(times)}
        self._ask_provider("POST", "/faults", data=form)

    def forget_faults(self, order_id: str) -> None:
        """Have it answer that order as any other."""
        self._ask_provider("DELETE", "/faults", params={"order": order_id})

    def _ask_provider(self, method: str, path: str, **options: Any) -> Any:
        url, key = (self.environment[f"PAYMENT_PROVIDER_{part}"] for part in ("URL", "KEY"))
        headers = {"Authorization": f"Bearer {key}"}
        try:
            answer = httpx2.request(method, url + path, headers=headers, timeout=SILENCE, **options)
            return answer.raise_for_status().json()
        except httpx2.HTTPError as error:
            raise StackError(f"the payment provider does not answer: {error}") from error

    async def query(self, database: str, statement: str, *values: Any) -> list[Any]:
        """The rows that a service's database answers with."""
        connection = await asyncpg.connect(self.environment[database_variable(database)])
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def read_status(self, order_id: str) -> str | None:
        """An order's status, by its database."""
        rows = await self.query("order", "SELECT status FROM orders WHERE id = $1", order_id)
        return str(rows[0]["status"]) if rows else None

    async def until_status(self, order_id: str, *statuses: str) -> None:
        """Until the order has come to one of these."""

        async def so() -> bool:
            return await self.read_status(order_id) in statuses

        await self.until(so, " or ".join(statuses))

    async def read_shelf(self, sku: str) -> Shelf:
        """How many pieces of a product are where, by the inventory's database."""
        (row,) = await self.query("inventory", SHELF, sku)
        return Shelf(*row.values())

    async def until_reserved(self, placed: Placed) -> None:
        """Until the order's pieces are set aside for it."""

        async def so() -> bool:
            return (await self.read_shelf(placed.sku)).reserved == QUANTITY

        await self.until(so, "a reservation")

    def find_trouble(self, order_id: str, *, late: int = NEVER_LATE) -> list[str]:
        """What `saga stuck --older-than` so late says of an order's sagas: a line each."""
        rows = self.api.get_items("/v1/sagas", attention=True, late=late, limit=500)
        return [
            f"{row['saga_id']} is {row['trouble']['kind']}"
            for row in rows
            if order_of(row["saga_id"]) == order_id
        ]

    async def until_listed(
        self, order_id: str, *, listed: bool = True, late: int = NEVER_LATE
    ) -> None:
        """Until `saga stuck` shows a saga of this order, or none any more."""

        async def so() -> bool:
            return bool(self.find_trouble(order_id, late=late)) == listed

        await self.until(so, "`saga stuck`")

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait for something that the stack does by itself. StackError if it does not."""
        try:
            async with asyncio.timeout(WITHIN):
                while not await condition():  # noqa: ASYNC110 - there is no event of it here
                    await asyncio.sleep(POLL)
        except TimeoutError as error:
            raise StackError(f"{what}: not within {WITHIN:g} s; see `saga status`") from error
