"""The sandbox provider as a process of its own, and how tests look into it."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from local_stack.programs import program
from sandbox.payment_methods import METHODS
from tests.support.ports import quiet_block
from tests.support.waiting import until

KEY = "sk_test_of_the_tests"


class Sandbox:
    """One `saga-sandbox` on a free port; may be killed and started again."""

    def __init__(self, directory: Path) -> None:
        self.key = KEY
        self.port = quiet_block(1)  # it comes back on the same one
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = directory / "sandbox.db"
        self.client = httpx2.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it answers."""
        arguments = ("--port", str(self.port), "--database", str(self.database))
        self._process = await asyncio.create_subprocess_exec(
            *program("saga-sandbox", *arguments), env={**os.environ, "SANDBOX_KEY": KEY}
        )
        await until(self._answers, within=30)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it; SIGKILL leaves it no time to tidy up."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(how)
            await self._process.wait()

    async def post(self, path: str, key: str | None = None, **form: Any) -> httpx2.Response:
        """A form-encoded POST with an idempotency key."""
        headers = {"Idempotency-Key": key} if key else {}
        return await self.client.post(path, data=form, headers=headers)

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON body of a GET that must succeed."""
        response = await self.client.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def ledger(self, order: str | None = None) -> Any:
        """The ledger, or one order's."""
        return await self.get("/ledger", **({"order": order} if order else {}))

    def stored_keys(self) -> set[str]:
        """The idempotency keys that it keeps answers under."""
        with sqlite3.connect(self.database, timeout=5) as connection:
            found = {key for (key,) in connection.execute("SELECT key FROM idempotency")}
        connection.close()
        return found

    def forget_idempotency_keys(self) -> None:
        """What Stripe does with keys after a day."""
        with sqlite3.connect(self.database, timeout=5) as connection:
            connection.execute("DELETE FROM idempotency")
        connection.close()

    async def fault(self, operation: str, kind: str, order: str, times: int = 1) -> None:
        """Have the next requests meet a fault; see `sandbox.faults`."""
        answer = await self.post(
            "/faults", None, operation=operation, kind=kind, order=order, times=times
        )
        assert answer.status_code == 200, answer.text

    async def pass_time(self, *, hours: float, order: str | None = None) -> None:
        """So much time goes by, for all or for one order; see `sandbox.clock`."""
        form = {"seconds": int(hours * 3600)} | ({"order": order} if order else {})
        assert (await self.post("/clock", None, **form)).status_code == 200

    async def settle(self, intent_id: str | None) -> None:
        """An intent that is being processed is charged or declined."""
        assert (await self.post(f"/payment_intents/{intent_id}/settle")).status_code == 200

    async def fail_refund(self, refund_id: str | None) -> None:
        """The bank sends a refund back."""
        assert (await self.post(f"/refunds/{refund_id}/fail")).status_code == 200

    def age(self, table: str, *, hours: float) -> None:
        """Have all rows of `intents`, `refunds` or `idempotency` been made so long before."""
        seconds = int(hours * 3600)
        with sqlite3.connect(self.database, timeout=5) as connection:
            connection.execute(f"UPDATE {table} SET created = created - ?", (seconds,))
        connection.close()

    def fill_balance(self) -> None:
        """See `fill_balance`."""
        fill_balance(self.database)

    async def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, "the sandbox ended at once"
        try:
            return (await self.client.get("/health")).status_code == 200
        except httpx2.TransportError:
            return False


def fill_balance(database: Path) -> None:
    """The account has money again: refunds that the sandbox has refused would be made now."""
    kept = [(name,) for name, method in METHODS.items() if method.keeps]
    statement = "UPDATE intents SET payment_method = 'pm_card_visa' WHERE payment_method = ?"
    with sqlite3.connect(database, timeout=5) as connection:
        connection.executemany(statement, kept)
    connection.close()


@asynccontextmanager
async def running_sandbox(directory: Path) -> AsyncIterator[Sandbox]:
    """Start one in a folder; stop it at the end."""
    sandbox = Sandbox(directory)
    try:
        await sandbox.start()
        yield sandbox
    finally:
        await sandbox.client.aclose()
        await sandbox.stop()
