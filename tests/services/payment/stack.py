"""What the tests of payments share: a service on real parts, and ways to disturb it.

`Disturbance` sits at every point where a process may die or be paused: around each statement
and commit in the database, and around each request to the provider.
"""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, TypeVar

import httpx2
from pydantic import SecretStr
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.base import Money
from contracts.payments import ChargePayment
from infrastructure.postgres.database import Single
from infrastructure.settings import ProviderSettings
from saga.participant import StepKey, Unavailable
from saga.participant.driver_statement import DriverStatement
from services.payment.provider.client import Provider
from services.payment.service import Payments
from tests.sandbox.process import Sandbox
from tests.support.ways import WatchedDatabase, WatchedSingle

R = TypeVar("R")
_orders = itertools.count(1)


class Crash(BaseException):
    """The process died here. Not an Exception: nobody may handle it."""


async def die() -> None:
    """A visitor that kills."""
    raise Crash


class Disturbance:
    """Counts the points that are passed; crashes at one, or calls somebody at one."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Disturb nothing, and count from 0."""
        self.points: list[str] = []
        self.crash_at = 0
        self.pauses: list[str] = []
        self._visitors: dict[int | str, Callable[[], Awaitable[None]]] = {}

    def visit(self, point: int | str, visitor: Callable[[], Awaitable[None]]) -> None:
        """Call somebody, once, at the n-th point of pausing, or at one whose name matches."""
        self._visitors[point] = visitor

    def passing(self, point: str) -> None:
        """A point where a process may die."""
        self.points.append(point)
        if len(self.points) == self.crash_at:
            raise Crash(point)

    async def pausing(self, point: str) -> None:
        """A point where a process may also be paused: it holds no lock of the database."""
        self.passing(point)
        self.pauses.append(point)
        for wanted, visitor in list(self._visitors.items()):
            if wanted == len(self.pauses) or re.fullmatch(str(wanted), point):
                del self._visitors[wanted]
                await visitor()


class DisturbedDatabase(WatchedDatabase):
    """A database whose statements and commits are points."""

    def __init__(self, url: str, disturbance: Disturbance, *, several: bool) -> None:
        super().__init__(url, several=several)
        self._disturbance = disturbance
        engine = self._engine.sync_engine
        event.listen(engine, "before_cursor_execute", self._statement)
        event.listen(engine, "commit", lambda _: disturbance.passing("before COMMIT"))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        await self._disturbance.pausing("before BEGIN")
        async with super().transaction() as tx:
            yield tx
        await self._disturbance.pausing("after COMMIT")

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncConnection]:
        await self._disturbance.pausing("before a single statement")
        async with super().statement() as tx:
            yield tx
        await self._disturbance.pausing("after a single statement")

    def single(self) -> Single:
        return DisturbedSingle(self, self._disturbance)

    def _statement(self, *arguments: Any) -> None:
        self._disturbance.passing(f"before {arguments[2][:40]}")

    def in_transaction(self) -> int:
        """How many connections are in use."""
        return self._engine.sync_engine.pool.checkedout()  # type: ignore[attr-defined, no-any-return]


class DisturbedSingle(WatchedSingle):
    """A statement of the driver's, which is a transaction by itself."""

    def __init__(self, database: WatchedDatabase, disturbance: Disturbance) -> None:
        super().__init__(database)
        self._disturbance = disturbance

    async def first(
        self, statement: DriverStatement, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        await self._disturbance.pausing("before an action's only statement")
        row = await super().first(statement, parameters)
        await self._disturbance.pausing("after an action's only statement")
        return row


class DisturbedTransport(httpx2.AsyncHTTPTransport):
    """HTTP whose requests are points, before they are sent and after they are answered."""

    def __init__(self, disturbance: Disturbance, database: DisturbedDatabase) -> None:
        super().__init__()
        self._disturbance = disturbance
        self._database = database
        self.transactions_seen: list[int] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        name = f"{request.method} {request.url.path}"
        await self._disturbance.pausing(f"before {name}")
        self.transactions_seen.append(self._database.in_transaction())
        response = await super().handle_async_request(request)
        await self._disturbance.pausing(f"after {name}")
        return response


class Stack:
    """The payment service, its database, its provider, and what disturbs them."""

    def __init__(self, url: str, sandbox: Sandbox, *, several: bool = False) -> None:
        self.sandbox = sandbox
        self.disturbance = Disturbance()
        self.database = DisturbedDatabase(url, self.disturbance, several=several)
        self.transport = DisturbedTransport(self.disturbance, self.database)
        self.provider = provider_at(sandbox, transport=self.transport)
        self.payments = Payments(self.database, self.provider)

    @asynccontextmanager
    async def reply_lost(self, point: str) -> AsyncIterator[None]:
        """The provider does as asked, but its answer gets lost on the way."""

        async def lose() -> None:
            raise httpx2.ReadError("lost by the test")

        self.disturbance.clear()
        self.disturbance.visit(point, lose)
        yield
        self.disturbance.clear()

    @asynccontextmanager
    async def refund_reply_lost(self) -> AsyncIterator[None]:
        """The provider refunds, but its answer gets lost on the way."""
        async with self.reply_lost("after POST /v1/refunds"):
            yield

    async def begun_by_the_release_before(self, key: StepKey, command: ChargePayment) -> None:
        """A charge that a release began which knew of no installations."""
        claim = """INSERT INTO barrier (saga_id, step, op, state)
            VALUES (:saga_id, :step, 'action', 'started')"""
        begin = """INSERT INTO payments
            (order_id, saga_id, step, amount_minor, currency, payment_method)
            VALUES (:order_id, :saga_id, :step, :minor, :currency, :payment_method)"""
        its = asdict(key) | command.model_dump(exclude={"amount"}) | dict(command.amount)
        async with self.database.transaction() as tx:
            await tx.execute(text(claim), asdict(key))
            await tx.execute(text(begin), its)

    async def row(self, order_id: str) -> dict[str, Any]:
        """The order's row of `payments`."""
        statement = text("SELECT * FROM payments WHERE order_id = :order_id")
        async with self.database.transaction() as tx:
            found = await tx.execute(statement, {"order_id": order_id})
        return dict(found.mappings().one())

    async def entries(self, order_id: str) -> list[str]:
        """What moved the order's money at the provider: captures and refunds."""
        ledger = await self.sandbox.ledger(order_id)
        assert ledger["balanced"]
        return [entry["kind"] for entry in ledger["entries"]]

    async def assert_nothing_kept(self, order_id: str) -> None:
        """No money of the order is ours: none was taken, or all was given back."""
        assert await self.entries(order_id) in ([], ["capture", "refund"])


def provider_at(sandbox: Sandbox, **options: Any) -> Provider:
    """A provider for this sandbox; `timeout` and `key` may be set."""
    settings = ProviderSettings(
        payment_provider_url=options.pop("url", sandbox.url),
        payment_provider_key=SecretStr(options.pop("key", sandbox.key)),
        payment_provider_timeout=options.pop("timeout", 10),
    )
    return Provider(settings, **options)


def an_order(
    method: str = "pm_card_visa", *, minor: int = 4200, currency: str = "EUR"
) -> tuple[StepKey, ChargePayment]:
    """A new order's step and command."""
    order_id = f"ord_{next(_orders)}"
    command = ChargePayment(
        order_id=order_id,
        amount=Money(minor=minor, currency=currency),
        payment_method=method,
    )
    return StepKey(saga_id=f"order-{order_id}", step="charge_payment"), command


async def until_answered(attempt: Callable[[], Awaitable[R]]) -> R:
    """Attempt until the answer is not Unavailable, as Temporal would; a minute at most."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await attempt()
            except Unavailable:
                await asyncio.sleep(0.02)
