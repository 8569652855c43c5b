"""What needs a person is listed with the right step, since when it does, and what is at stake."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from api.temporal.saga_listing import SagaFound
from api.temporal.stuck_sagas import MOST
from api.temporal.troubles import LATE
from api.trouble.trouble_list import TroubleList
from cli.operate.stuck import _row
from console.dashboard import MOST_TROUBLES
from console.dependencies import ConsoleBackend
from console.pages.attention import _parts
from console.settings import Settings
from contracts.names import workflow_id
from tests.support.gates import BEFORE
from tests.support.telling import backend_of
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_audit import audited
from tests.workflows.test_blocked import blocked_refund, resolve

A_MOMENT = timedelta(seconds=2)  # by which the clocks of databases and Temporal may differ


class Impatient(TroubleList):
    """Whoever lists those that are late has them at once, instead of after the usual minute."""

    async def find(self, late: timedelta, limit: int = MOST) -> list[SagaFound]:
        return await super().find(late and timedelta(0), limit)


async def listed(world: World, saga_id: str, kind: str) -> dict[str, Any]:
    """Its row, once it is listed as this."""
    found: dict[str, Any] = {}

    async def is_there() -> bool:
        rows = await world.rest_items("/v1/sagas?attention=true&late=0&limit=500")
        found.update({row["saga_id"]: row for row in rows}.get(saga_id, {}))
        return bool(found) and found["trouble"]["kind"] == kind

    await until(is_there)
    return found


async def is_on_the_console_too(world: World, saga_id: str) -> None:
    """Its page and the number in the navigation are of the same list."""
    troubles = Impatient(world.client, world.services)
    deps = ConsoleBackend.extend(replace(backend_of(world), troubles=troubles), Settings())
    page = await _parts(deps)
    assert f"trouble-{saga_id}" in page["troubles"]
    assert "Nothing waits for an operator" not in "".join(map(str, page.values()))

    async def are_counted() -> bool:
        found = await troubles.find(LATE, MOST_TROUBLES)
        return await deps.board.count_attention() == len(found)

    await until(are_counted)


async def blocked_events(world: World, order_id: str) -> list[dict[str, Any]]:
    events = await world.rest_items(f"/v1/orders/{order_id}/events")
    return [event for event in events if event["type"] == "StepBlocked"]


async def test_a_blocked_step_is_named_since_it_is_blocked_also_after_a_retry(world: World) -> None:
    order_id, _ = await blocked_refund(world)
    saga_id = workflow_id(order_id)
    assert await resolve(world, order_id, "charge_payment", action="retry") == 202

    async def is_blocked_again() -> bool:
        return len(await blocked_events(world, order_id)) > 1

    await until(is_blocked_again)
    row = await listed(world, saga_id, "blocked")
    assert row["trouble"]["why"] == "charge_payment is blocked: the bank"
    assert f"saga resolve charge_payment {saga_id} --action retry" in row["trouble"]["way_out"]
    first, *_ = await blocked_events(world, order_id)
    since = datetime.fromisoformat(row["trouble"]["since"])
    assert since == datetime.fromisoformat(first["recorded_at"])
    stuck = _row(row)
    assert (stuck.money, stuck.currency, stuck.stock) == (1000, "EUR", 0)
    world.gates.allow(saga_id)
    assert await resolve(world, order_id, "charge_payment", action="retry") == 202
    await world.sagas_end(order_id)


async def test_a_blocked_saga_that_was_terminated_counts_as_ended_since_then(world: World) -> None:
    order_id, _ = await blocked_refund(world)
    saga_id = workflow_id(order_id)
    await listed(world, saga_id, "blocked")
    await world.handle(order_id).terminate("by mistake")
    row = await listed(world, saga_id, "ended")
    closed = (await world.handle(order_id).describe()).close_time
    assert closed is not None
    assert abs(datetime.fromisoformat(row["trouble"]["since"]) - closed) < A_MOMENT

    async def counts() -> bool:
        found = await backend_of(world).sagas.in_state(row["state"], 500)
        return saga_id in {saga.saga_id for saga in found}

    assert row["state"] == "blocked"  # so Temporal has it for good
    assert not await counts()
    world.gates.allow(saga_id)
    await audited(world)


async def test_what_is_retried_is_listed_since_it_was_first_asked_for(world: World) -> None:
    world.fast_path = False
    order_id, sku, gate = await world.stopped_at("inventory.reserve", BEFORE)
    world.fast_path = True
    saga_id = workflow_id(order_id)
    world.gates.remove(saga_id)
    world.gates.refuse(saga_id, "payment.charge", RuntimeError("the bank is away"))
    await gate.open()
    row = await listed(world, saga_id, "retrying")
    assert "payment.charge has failed" in row["trouble"]["why"]
    assert row["trouble"]["why"].endswith("the bank is away")
    saga = await world.rest(f"/v1/orders/{order_id}/saga")
    (charge,) = [step for step in saga["steps"] if step["name"] == "charge_payment"]
    asked = datetime.fromisoformat(row["trouble"]["since"])
    assert abs(asked - datetime.fromisoformat(charge["started_at"])) < A_MOMENT
    assert row["stake"]["pieces"] == 2
    await is_on_the_console_too(world, saga_id)
    world.gates.allow(saga_id)
    await world.settled(order_id, sku, "confirmed")
