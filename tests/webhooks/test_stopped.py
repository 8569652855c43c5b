"""A delivery that nothing works on any more is found, and may be sent again."""

from pathlib import Path

import pytest
from sqlalchemy import text
from temporalio.client import Client

from activities.delivery_runs import Run, run_of
from contracts.webhooks import Delivery, DeliveryRun, DeliveryState
from infrastructure.postgres.database import Database
from services.event.pending import PendingDeliveries
from tests.support.waiting import until
from tests.support.world import World
from tests.webhooks.conftest import Sending
from tests.webhooks.parts import event_of, receiving
from tests.webhooks.test_deliveries import ERROR, customer, tried
from tests.webhooks.test_process import sender
from workers import stopped_deliveries
from workers.stopped_deliveries import look


async def long_ago(database: Database) -> None:
    """Let all deliveries have been kept and tried an hour ago."""
    hour = "interval '1 hour'"
    moved = f"UPDATE deliveries SET created_at = created_at - {hour}"
    async with database.transaction() as tx:
        await tx.execute(text(f"{moved}, attempted_at = attempted_at - {hour}"))


async def only(sending: Sending, webhook_id: str) -> Delivery:
    (found,) = await sending.webhooks.deliveries(webhook_id, None, 10)
    return found


async def test_one_whose_workflow_was_terminated_is_found_and_dead(sending: Sending) -> None:
    mine, pending = customer(), PendingDeliveries(sending.database)
    async with receiving([ERROR]) as receiver:
        webhook, event = await sending.webhooks.register(mine, receiver.url, []), event_of(mine)
        await sending.deliver(event)
        await until(tried(sending, webhook.id))
        kept = await only(sending, webhook.id)
        await long_ago(sending.database)
        await look(sending.client, pending)
        assert (await only(sending, webhook.id)).state is DeliveryState.PENDING  # it is at work
        run = DeliveryRun(delivery_id=kept.id)
        await sending.client.get_workflow_handle(run.workflow_id).terminate()
        await look(sending.client, pending)
    found = await only(sending, webhook.id)
    assert found.state is DeliveryState.DEAD
    assert found.last_error == "its workflow ended (terminated) before it was delivered"


async def test_one_that_temporal_has_lost_is_begun_again(sending: Sending) -> None:
    mine = customer()
    async with receiving() as receiver:
        webhook, event = await sending.webhooks.register(mine, receiver.url, []), event_of(mine)
        async with sending.database.transaction() as tx:
            await sending.deliveries.take(tx, event)  # and nobody begins it
        await long_ago(sending.database)
        await look(sending.client, PendingDeliveries(sending.database))
        assert await sending.ended(webhook.id, event) is DeliveryState.DELIVERED
    assert len(receiver.requests) == 1


async def test_one_that_cannot_be_settled_hides_no_other(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, asked = customer(), list[str]()

    async def fail_first(client: Client, run: DeliveryRun) -> Run:
        asked.append(run.delivery_id)
        if len(asked) == 1:
            raise ValueError("a bug")
        return await run_of(client, run)

    monkeypatch.setattr(stopped_deliveries, "run_of", fail_first)
    async with receiving() as receiver:
        webhook = await sending.webhooks.register(mine, receiver.url, [])
        for event in (event_of(mine), event_of(mine)):
            async with sending.database.transaction() as tx:
                await sending.deliveries.take(tx, event)
        await long_ago(sending.database)
        after = await look(sending.client, PendingDeliveries(sending.database))

        async def delivered() -> bool:
            found = await sending.webhooks.deliveries(webhook.id, None, 10)
            states = {each.id: each.state for each in found}
            return states[asked[1]] is DeliveryState.DELIVERED

        await until(delivered)
    assert (len(asked), after) == (2, asked[1])
    assert len(receiver.requests) == 1


async def test_one_that_was_delivered_before_the_database_was_restored_is_noted_so(
    sending: Sending,
) -> None:
    mine = customer()
    async with receiving() as receiver:
        webhook, event = await sending.webhooks.register(mine, receiver.url, []), event_of(mine)
        await sending.deliver(event)
        assert await sending.ended(webhook.id, event) is DeliveryState.DELIVERED
    async with sending.database.transaction() as tx:
        await tx.execute(text("UPDATE deliveries SET state = 'pending', ended_at = NULL"))
    await long_ago(sending.database)
    await look(sending.client, PendingDeliveries(sending.database))
    assert (await only(sending, webhook.id)).state is DeliveryState.DELIVERED
    assert len(receiver.requests) == 1


async def test_a_terminated_delivery_is_sent_again_when_the_api_is_asked_to(
    world: World, tmp_path: Path
) -> None:
    mine = await world.user()
    async with sender(world, tmp_path, mine) as it:
        it.receiver.script[:] = [ERROR]
        await it.bus.publish([event_of(mine)])

        async def failed() -> bool:
            found = await it.webhooks.deliveries(it.webhook.id, None, 10)
            return bool(found) and found[0].last_error is not None

        await until(failed, within=60)
        (kept,) = await it.webhooks.deliveries(it.webhook.id, None, 10)
        path = f"/v1/webhooks/{it.webhook.id}/deliveries/{kept.id}/redeliver"
        it.receiver.script[:] = [ERROR] * 100
        first = world.client.get_workflow_handle(DeliveryRun(delivery_id=kept.id).workflow_id)
        assert (await world.http.post(path)).json()["code"] == "delivery_pending"
        await first.terminate()
        it.receiver.script.clear()
        assert (await world.http.post(path)).status_code == 202
        (again,) = await it.delivered(1)
    assert (again.id, again.run) == (kept.id, 2)
