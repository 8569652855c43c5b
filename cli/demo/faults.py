"""The local stack: the provider's ledger, and who has a charge in hand, to kill it."""

import json
import os
import signal
import subprocess
from typing import Any

import httpx2

from local_stack.state.state_file import ChildRecord, StackState
from local_stack.temporal.server import program

KILL_WITHIN = 10  # seconds for the Temporal CLI to answer


class LocalStack:
    """A running stack of this machine."""

    def __init__(self, stack: StackState) -> None:
        self._stack = stack

    def ledger(self, order_id: str) -> dict[str, Any]:
        """The provider's own account of an order."""
        environment = self._stack.environment
        key = environment["PAYMENT_PROVIDER_KEY"]
        answer = httpx2.get(
            f"{environment['PAYMENT_PROVIDER_URL']}/ledger",
            params={"order": order_id},
            headers={"Authorization": f"Bearer {key}"},
        )
        ledger: dict[str, Any] = answer.raise_for_status().json()
        return ledger

    def kill_worker_of(self, saga_id: str) -> ChildRecord | None:
        """Kill -9 the process that runs the saga's charge; None if none of ours does.

        It is one of the workers, or the API where that works too.
        """
        identity = self._worker_at("payment.charge", saga_id)
        for child in self._stack.children:
            if child.name == identity and child.alive and child.pid is not None:
                os.kill(child.pid, signal.SIGKILL)
                return child
        return None

    def _worker_at(self, activity: str, saga_id: str) -> str | None:
        """The identity of the worker that has this activity of the saga in hand."""
        address = self._stack.environment["TEMPORAL_ADDRESS"]
        answer = subprocess.run(  # noqa: S603 - our program, and an id of ours
            [
                *(str(program()), "workflow", "describe", "--workflow-id", saga_id),
                *("--address", address, "--raw", "--output", "json"),
            ],
            capture_output=True,
            timeout=KILL_WITHIN,
            check=True,
        )
        for pending in json.loads(answer.stdout).get("pendingActivities", ()):
            if pending["activityType"]["name"] == activity and "lastWorkerIdentity" in pending:
                return str(pending["lastWorkerIdentity"])
        return None
