"""A webhook gets each event once it can, signed, whatever its receiver does before."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from sqlalchemy import func, update
from standardwebhooks import WebhookVerificationError
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from contracts.events.integration_events import EventType
from contracts.webhooks import Attempt, DeliveryRun, DeliveryState, WebhookEvent
from infrastructure.http.ssrf_safe_client import Resolve, resolve
from saga.participant import Rejected
from services.event.deliveries import delivery_id
from services.event.tables import hooks
from tests.support.ports import free_port
from tests.support.waiting import until
from tests.webhooks.conftest import Open, Sending
from tests.webhooks.parts import HANG, RESET, Receiver, event_of, message, receiving
from workers.replay import replayer
from workers.webhook_starter import start_delivery
from workers.webhooks import starting
from workflows.deliver_webhook import JITTER, SCHEDULE

REDIRECT = "307 Temporary Redirect"
ERROR = "500 Internal Server Error"
GONE = "410 Gone"


def customer() -> str:
    return f"usr_{uuid4().hex}"


@pytest.mark.parametrize(
    "script",
    [[], [ERROR, ERROR], [HANG], [REDIRECT, REDIRECT], [RESET], [ERROR, HANG, REDIRECT, RESET]],
    ids=lambda it: "-".join(word.split()[0] for word in it) or "well",
)
async def test_it_is_delivered_once_it_can_be_and_every_request_verifies(
    sending: Sending, script: list[str]
) -> None:
    mine = customer()
    async with receiving(script) as receiver:
        webhook = await sending.webhooks.register(mine, receiver.url, [])
        event = event_of(mine)
        assert await sending.deliver(event) is None
        assert await sending.ended(webhook.id, event) is DeliveryState.DELIVERED
    assert len(receiver.requests) == len(script) + 1
    (accepted,) = receiver.accepted
    for request in receiver.requests:
        assert request.path == "/hooks"
        assert request.headers["webhook-id"] == delivery_id(webhook.id, event.id)
        assert request.verified(webhook.secret) == message(accepted)
    assert message(accepted)["type"] == "order.confirmed"
    assert message(accepted)["data"] == event.data
    (kept,) = await sending.webhooks.deliveries(webhook.id, None, 10)
    assert (kept.state, kept.attempts) == (DeliveryState.DELIVERED, len(script) + 1)
    assert (kept.last_status, kept.last_error) == (200, None)


def clocked(
    skipping: WorkflowEnvironment, at: list[datetime], receiver: Receiver, down: timedelta
) -> Resolve:
    """Finds addresses, notes when, and has the receiver up after it was down for so long."""

    async def find(host: str, port: int) -> Sequence[str]:
        at.append(await skipping.get_current_time())
        if receiver.server is None and at[-1] - at[0] >= down:
            await receiver.start()
        return await resolve(host, port)

    return find


async def test_a_receiver_that_is_down_for_an_hour_gets_it_after_that(
    skipping: WorkflowEnvironment, open_sending: Open
) -> None:
    mine, at = customer(), list[datetime]()
    async with receiving(up=False) as receiver:
        find = clocked(skipping, at, receiver, timedelta(hours=1))
        async with open_sending(find) as sending:
            webhook = await sending.webhooks.register(mine, receiver.url, [])
            event = event_of(mine)
            await sending.deliver(event)
            assert await sending.ended(webhook.id, event) is DeliveryState.DELIVERED
    (accepted,) = receiver.accepted
    accepted.verified(webhook.secret)
    assert len(at) == 5
    assert timedelta(hours=1) <= at[-1] - at[0] < timedelta(hours=3)


async def test_after_three_days_it_is_dead_and_lives_again_when_it_is_asked_for(
    skipping: WorkflowEnvironment, open_sending: Open
) -> None:
    mine, at = customer(), list[datetime]()
    async with receiving([ERROR] * len(SCHEDULE)) as receiver:
        find = clocked(skipping, at, receiver, timedelta())
        async with open_sending(find) as sending:
            webhook = await sending.webhooks.register(mine, receiver.url, [])
            event = event_of(mine)
            await sending.deliver(event)
            assert await sending.ended(webhook.id, event) is DeliveryState.DEAD
            (dead,) = await sending.webhooks.deliveries(webhook.id, DeliveryState.DEAD, 10)
            for _ in range(2):
                await start_delivery(sending.client, DeliveryRun(delivery_id=dead.id, run=2))
            assert await sending.ended(webhook.id, event, run=2) is DeliveryState.DELIVERED
            (now,) = await sending.webhooks.deliveries(webhook.id, None, 10)
            first = DeliveryRun(delivery_id=dead.id).workflow_id
            recorded = await sending.client.get_workflow_handle(first).fetch_history()
    await replayer().replay_workflow(recorded)
    assert (dead.attempts, dead.last_error) == (len(SCHEDULE), "answered 500")
    pauses = [after - before for before, after in pairwise(at[: len(SCHEDULE)])]
    for pause, least in zip(pauses, SCHEDULE[1:], strict=True):
        assert least <= pause <= least * (1 + JITTER) + timedelta(seconds=2)
    assert len({pause / least for pause, least in zip(pauses, SCHEDULE[1:], strict=True)}) > 1
    (accepted,) = receiver.accepted
    assert accepted.headers["webhook-id"] == dead.id
    assert (now.state, now.run, now.attempts) == (DeliveryState.DELIVERED, 2, len(SCHEDULE) + 1)


async def test_410_disables_the_webhook_and_enabling_it_sends_again(sending: Sending) -> None:
    mine = customer()
    async with receiving([ERROR, GONE]) as receiver:
        webhook = await sending.webhooks.register(mine, receiver.url, [])
        first, second, third = event_of(mine), event_of(mine), event_of(mine)
        await sending.deliver(first)
        assert await sending.ended(webhook.id, first) is DeliveryState.DEAD
        found = await sending.webhooks.get(webhook.id)
        assert (found.state, found.disabled_reason) == ("disabled", "it answered 410 Gone")
        await sending.deliver(second)
        assert len(receiver.requests) == 2
        await sending.webhooks.enable(webhook.id)
        await sending.deliver(third)
        assert await sending.ended(webhook.id, third) is DeliveryState.DELIVERED
    kept = await sending.webhooks.deliveries(webhook.id, None, 10)
    assert [name.order_id for name in kept] == [third.subject, first.subject]


async def test_what_waits_for_a_webhook_that_is_removed_or_disabled_is_not_sent(
    sending: Sending,
) -> None:
    waiting = []
    async with receiving([ERROR, ERROR]) as receiver:
        for number in (1, 2):
            mine = customer()
            webhook, event = await sending.webhooks.register(mine, receiver.url, []), event_of(mine)
            await sending.deliver(event)
            await until(tried(sending, webhook.id))
            waiting.append((webhook, event))
            assert len(receiver.requests) == number
        (removed, _), (disabled, _) = waiting
        await sending.webhooks.remove(removed.id)
        await disable(sending, disabled.id)
        for webhook, event in waiting:
            assert await sending.ended(webhook.id, event) is DeliveryState.DEAD
    assert len(receiver.requests) == 2
    (kept,) = await sending.webhooks.deliveries(disabled.id, None, 10)
    assert kept.last_error == "the webhook is disabled"


def tried(sending: Sending, webhook_id: str) -> Callable[[], Awaitable[bool]]:
    """Whether the first attempt of its only delivery has failed."""

    async def failed() -> bool:
        (found,) = await sending.webhooks.deliveries(webhook_id, None, 10)
        return found.last_error is not None

    return failed


async def disable(sending: Sending, webhook_id: str) -> None:
    table = hooks.webhooks
    off = update(table).where(table.c.id == webhook_id).values(disabled_reason="for the test")
    async with sending.database.transaction() as tx:
        await tx.execute(off)


async def test_events_go_to_those_webhooks_of_their_customer_that_ask_for_their_type(
    sending: Sending,
) -> None:
    mine, other = customer(), customer()
    confirmed = [WebhookEvent.ORDER_CONFIRMED]
    async with receiving() as receiver:
        every = await sending.webhooks.register(mine, receiver.url, [])
        some = await sending.webhooks.register(mine, receiver.url, confirmed)
        await sending.webhooks.register(other, receiver.url, [])
        placed, done = event_of(mine, EventType.ORDER_PLACED), event_of(mine)
        for event in (placed, done):
            await sending.deliver(event)
        for webhook, event in ((every, placed), (every, done), (some, done)):
            assert await sending.ended(webhook.id, event) is DeliveryState.DELIVERED
    assert len(receiver.requests) == 3
    (one,) = await sending.webhooks.deliveries(some.id, None, 10)
    assert one.event_type == "order.confirmed"


def test_webhooks_are_for_all_events_of_orders() -> None:
    assert {str(item) for item in WebhookEvent} == {
        event_type for event_type in EventType if event_type.startswith("order.")
    }


async def test_an_event_that_comes_again_is_delivered_once(sending: Sending) -> None:
    mine = customer()
    async with receiving() as receiver:
        webhook, event = await sending.webhooks.register(mine, receiver.url, []), event_of(mine)
        for _ in range(3):
            assert await sending.deliver(event) is None
        assert await sending.ended(webhook.id, event) is DeliveryState.DELIVERED
        assert await sending.deliver(event) is None
        assert await sending.ended(webhook.id, event) is DeliveryState.DELIVERED
    assert len(receiver.requests) == 1


async def test_one_that_was_kept_and_not_begun_is_begun_when_the_event_comes_again(
    sending: Sending,
) -> None:
    mine = customer()
    nowhere = await Client.connect(
        f"127.0.0.1:{free_port()}", lazy=True, data_converter=pydantic_data_converter
    )
    async with receiving() as receiver:
        webhook, event = await sending.webhooks.register(mine, receiver.url, []), event_of(mine)
        away = starting(nowhere, sending.database, sending.deliveries)
        assert await away.deliver(event)
        (kept,) = await sending.webhooks.deliveries(webhook.id, None, 10)
        assert (kept.state, kept.attempts) == (DeliveryState.PENDING, 0)
        assert await sending.deliver(event) is None
        assert await sending.ended(webhook.id, event) is DeliveryState.DELIVERED
    assert len(receiver.requests) == 1


async def test_an_attempt_whose_report_was_lost_is_not_sent_again(sending: Sending) -> None:
    mine = customer()
    async with receiving() as receiver:
        webhook, event = await sending.webhooks.register(mine, receiver.url, []), event_of(mine)
        await sending.deliver(event)
        await sending.ended(webhook.id, event)
        attempt = Attempt(delivery_id=delivery_id(webhook.id, event.id), run=1, final=False)
        assert (await sending.deliveries.attempt(attempt)).state is DeliveryState.DELIVERED
    assert len(receiver.requests) == 1


async def test_a_new_secret_counts_at_once_and_the_old_one_for_a_day(sending: Sending) -> None:
    mine = customer()
    async with receiving() as receiver:
        before = await sending.webhooks.register(mine, receiver.url, [])
        after = await sending.webhooks.rotate(before.id)
        await sent(sending, before.id, mine)
        table = hooks.webhooks
        past = update(table).values(old_secret_until=func.now())
        async with sending.database.transaction() as tx:
            await tx.execute(past)
        await sent(sending, before.id, mine)
    both, one = receiver.requests
    assert before.secret != after.secret
    assert both.verified(before.secret) == both.verified(after.secret)
    assert one.verified(after.secret)
    with pytest.raises(WebhookVerificationError):
        one.verified(before.secret)


async def sent(sending: Sending, webhook_id: str, customer_id: str) -> None:
    event = event_of(customer_id)
    await sending.deliver(event)
    assert await sending.ended(webhook_id, event) is DeliveryState.DELIVERED


async def test_a_customer_may_have_ten(sending: Sending) -> None:
    mine = customer()
    asked = (sending.webhooks.register(mine, "https://shop.example", []) for _ in range(15))
    made = await asyncio.gather(*asked, return_exceptions=True)
    refused = [item for item in made if isinstance(item, Rejected)]
    assert [item.code for item in refused] == ["too_many_webhooks"] * 5
    assert len(await sending.webhooks.of_customer(mine)) == 10


async def test_a_receiver_may_ask_for_time(
    skipping: WorkflowEnvironment, open_sending: Open
) -> None:
    mine, at = customer(), list[datetime]()
    async with receiving(["503 Service Unavailable\r\nRetry-After: 7200"]) as receiver:
        find = clocked(skipping, at, receiver, timedelta())
        async with open_sending(find) as sending:
            webhook, event = await sending.webhooks.register(mine, receiver.url, []), event_of(mine)
            await sending.deliver(event)
            assert await sending.ended(webhook.id, event) is DeliveryState.DELIVERED
    assert len(receiver.requests) == len(at) == 2
    assert at[1] - at[0] >= timedelta(hours=2)
