"""How an order really stands: by the databases' rows, the provider's ledger and Temporal.

Nothing here is computed by what tells of it to people.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, text
from temporalio.api.enums.v1 import EventType, PendingActivityState

from activities.executions import Execution, describe
from contracts.names import return_id, workflow_id
from infrastructure.postgres.database import Database
from tests.support.world import World

FINAL = {"confirmed", "rejected", "cancelled", "timed_out", "returned"}
ENDED_BY = {"create_order", "confirm_order"}  # an operator's word on these lets it be as it is
BAD = {"terminated", "failed", "timed_out", "paused"}
GIVEN_UP = 2  # attempts of a workflow's task after which its code is what fails


@dataclass(frozen=True)
class Run:
    """The newest run of a saga's workflow: its status, and whether its own code fails."""

    status: str
    fails: bool
    halted: bool

    @property
    def goes_on(self) -> bool:
        """Whether Temporal and the workers carry it on, if nothing of it is blocked."""
        return self.status == "running" and not self.fails and not self.halted


@dataclass(frozen=True)
class Truth:
    """Amounts in minor units, stock in pieces. `barrier`: the state by (saga, step, half).

    `payment` and `status` are "none" if there is no row. `reason`: its code, or empty. `events`:
    the order's, by version. `words`: what operators said that settles a step, by step. `silent`:
    who does not answer those who tell of it.
    """

    status: str
    customer: str
    reason: str
    events: tuple[tuple[int, str], ...]
    total: int
    quantity: int
    captured: int
    refunded: int
    refund_failed: bool
    payment: str
    available: int
    reserved: int
    sold: int
    runs: Mapping[str, Run]
    blocked: frozenset[tuple[str, str]]
    words: tuple[tuple[str, str], ...]
    barrier: Mapping[tuple[str, str, str], str]
    silent: frozenset[str] = frozenset()

    @property
    def held(self) -> int:
        """What the provider has of the customer's money."""
        return self.captured - self.refunded

    @property
    def returning(self) -> bool:
        """Whether a return was begun and has not come to an end of its own."""
        returns = [run for saga_id, run in self.runs.items() if saga_id.startswith("return-")]
        return any(run.status == "running" or run.status in BAD for run in returns)

    @property
    def goes_on(self) -> bool:
        """Whether a saga of it is at work, and no person has to do anything."""
        open_runs = [run for run in self.runs.values() if run.status == "running"]
        return bool(open_runs) and not self.wants_person

    @property
    def is_consistent(self) -> bool:
        """Whether money and stock are where a final status says; by nobody's word."""
        if self.status == "confirmed":
            return self.held == self.total or self.returning
        return not self.held and not self.reserved

    @property
    def wants_person(self) -> bool:
        """Whether nothing gets on, or gets right, unless somebody does something."""
        placing = next((run for saga, run in self.runs.items() if saga.startswith("order-")), None)
        answered = ENDED_BY.intersection(step for step, _ in self.words)
        abandoned = self.status not in FINAL and (placing is None or placing.status != "running")
        return (
            any(not run.goes_on and run.status in {"running", *BAD} for run in self.runs.values())
            or bool(self.blocked)
            or (abandoned and not answered)
            or (self.status in FINAL and not self.words and not self.is_consistent)
        )


class Oracle:
    """Reads it."""

    def __init__(self, world: World, databases: Mapping[str, Database]) -> None:
        self._world = world
        self._databases = databases

    async def read(self, order_id: str, sku: str) -> Truth:
        """How it stands now."""
        order = await self._rows("order", "SELECT * FROM orders WHERE id = :its", order_id)
        events = await self._rows(
            "order",
            "SELECT version, type, data FROM events WHERE stream_id = :its ORDER BY version",
            order_id,
        )
        payment = await self._rows(
            "payment", "SELECT * FROM payments WHERE order_id = :its", order_id
        )
        (product,) = await self._rows("inventory", "SELECT * FROM products WHERE sku = :its", sku)
        ledger = (await self._world.provider.http.get("/ledger", params={"order": order_id})).json()
        runs = await self._read_runs(order_id, [row["type"] for row in events])
        return Truth(
            status=order[0]["status"] if order else "none",
            customer=order[0]["customer_id"] if order else "",
            reason=(order[0]["reason"] or {}).get("code", "") if order else "",
            events=tuple((row["version"], row["type"]) for row in events),
            total=order[0]["total_minor"] if order else 0,
            quantity=sum(line["quantity"] for line in order[0]["items"]) if order else 0,
            captured=sum(ledger["captured"].values()),
            refunded=sum(ledger["refunded"].values()),
            refund_failed="refund_failure" in [entry["kind"] for entry in ledger["entries"]],
            payment=payment[0]["status"] if payment else "none",
            **{name: product[name] for name in ("available", "reserved", "sold")},
            runs=runs,
            blocked=_find_blocked(events, order_id, runs),
            words=tuple(
                (row["data"]["step"], row["data"]["action"])
                for row in events
                if row["data"].get("action") in {"skip", "mark_done"}
            ),
            barrier=await self._read_barriers(order_id),
        )

    async def _rows(self, service: str, query: str, its: str) -> list[RowMapping]:
        async with self._databases[service].transaction() as tx:
            return list((await tx.execute(text(query), {"its": its})).mappings())

    async def _read_barriers(self, order_id: str) -> dict[tuple[str, str, str], str]:
        query = "SELECT * FROM barrier WHERE saga_id LIKE '%' || :its || '%'"
        found = {}
        for service in ("order", "inventory", "payment"):
            for row in await self._rows(service, query, order_id):
                found[row["saga_id"], row["step"], row["op"]] = row["state"]
        return found

    async def _read_runs(self, order_id: str, events: list[str]) -> dict[str, Run]:
        later = range(2, 2 + events.count("OrderReturnAbandoned"))
        ids = [workflow_id(order_id), return_id(order_id)]
        runs = {}
        for saga_id in [*ids, *(return_id(order_id, attempt) for attempt in later)]:
            if (saga := await describe(self._world.client, saga_id)) is not None:
                runs[saga_id] = await _read_run(saga)
        return runs


async def _read_run(saga: Execution) -> Run:
    assert saga.described is not None
    history = saga.client.get_workflow_handle(saga.id, run_id=saga.run_id).fetch_history_events()
    failed = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    is_open = saga.status == "running"
    return Run(
        status=str(saga.status),
        fails=is_open
        and saga.described.pending_workflow_task.attempt >= GIVEN_UP
        and failed in [event.event_type async for event in history],
        halted=any(
            activity.paused or activity.state == PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED
            for activity in saga.described.pending_activities
        ),
    )


def _find_blocked(
    events: list[RowMapping], order_id: str, runs: Mapping[str, Run]
) -> frozenset[tuple[str, str]]:
    """The steps of open sagas whose last note says that they wait."""
    last: dict[tuple[str, str], bool] = {}
    for row in events:
        if row["type"] in {"StepBlocked", "StepUnblocked"}:
            saga_id = row["data"].get("saga_id") or workflow_id(order_id)
            last[saga_id, row["data"]["step"]] = row["type"] == "StepBlocked"
    return frozenset(
        each
        for each, blocked in last.items()
        if blocked and each[0] in runs and runs[each[0]].status == "running"
    )


@asynccontextmanager
async def open_oracle(world: World) -> AsyncIterator[Oracle]:
    """Beside the services, by connections of its own."""
    settings: Any = world.databases
    names = ("order", "inventory", "payment")
    async with AsyncExitStack() as stack:
        databases = {name: Database(getattr(settings, f"{name}_database_url")) for name in names}
        for database in databases.values():
            stack.push_async_callback(database.close)
        yield Oracle(world, databases)
