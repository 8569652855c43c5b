"""What a bus promises, and what the inbox makes of it; the same on PostgreSQL and NATS."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events.cloudevents import CloudEvent
from infrastructure.messaging.bus import Bus, Deliver
from infrastructure.messaging.inbox import DeadLetters
from infrastructure.postgres.database import Database
from saga.participant import Unavailable
from services.event.tables import inbox
from tests.bus.parts import (
    Opening,
    consumer,
    count,
    effects,
    event,
    noting,
    once_in_order,
    some_events,
)
from tests.support.waiting import until


@contextlib.asynccontextmanager
async def consuming(bus: Bus, name: str, deliver: Deliver) -> AsyncIterator[asyncio.Task[None]]:
    """Consume for the length of a block."""
    task = asyncio.create_task(bus.consume(name, deliver))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.done()


def handled(database: Database, name: str, number: int) -> Callable[[], Awaitable[bool]]:
    """Whether so many effects are there."""

    async def enough() -> bool:
        return await count(database, name) >= number

    return enough


async def test_competing_consumers_handle_all_once_and_in_order_for_each_subject(
    open_bus: Opening, database: Database
) -> None:
    events: list[CloudEvent] = []
    working = set()

    async def deliver(who: int, it: CloudEvent) -> float | None:
        working.add(who)
        return await consumer(database, "c").deliver(it)

    async with open_bus() as one, open_bus() as two:
        async with (
            consuming(one, "c", partial(deliver, 1)),
            consuming(two, "c", partial(deliver, 2)),
        ):
            while len(events) < 200 or (len(working) < 2 and len(events) < 4000):
                more = [event(f"s{n}", len(events) + n) for n in range(20)]
                events += more
                await one.publish(more)
            await until(handled(database, "c", len(events)), within=60)
    assert await effects(database, "c") == once_in_order(events)
    assert working == {1, 2}


async def test_an_event_that_is_published_again_is_delivered_once(
    open_bus: Opening, database: Database
) -> None:
    events = some_events(subjects=3, each=3)
    delivered = []

    async def deliver(it: CloudEvent) -> None:
        delivered.append(it.id)
        await consumer(database, "c").deliver(it)

    async with open_bus() as bus:
        await bus.publish(events[:5])
        await bus.publish(events)
        async with consuming(bus, "c", deliver):
            await until(handled(database, "c", len(events)))
    assert sorted(delivered) == sorted(record.id for record in events)


async def test_a_delivery_whose_acknowledgement_is_lost_has_one_effect(
    open_bus: Opening, database: Database
) -> None:
    events = some_events(subjects=2, each=3)
    delivered: list[str] = []

    async def deliver(it: CloudEvent) -> float | None:
        delivered.append(it.id)
        done = await consumer(database, "c").deliver(it)
        return 0.01 if delivered.count(it.id) < 3 else done

    async with open_bus() as bus:
        await bus.publish(events)
        async with consuming(bus, "c", deliver):

            async def three_times_each() -> bool:
                return len(delivered) >= 3 * len(events)

            await until(three_times_each)
    assert await effects(database, "c") == once_in_order(events)


async def test_every_subscription_gets_all_from_the_beginning(
    open_bus: Opening, database: Database
) -> None:
    events = some_events(subjects=3, each=4)
    async with open_bus() as bus:
        await bus.publish(events[:6])
        async with consuming(bus, "early", consumer(database, "early").deliver):
            await until(handled(database, "early", 6))
            await bus.publish(events[6:])
            async with consuming(bus, "late", consumer(database, "late").deliver):
                await until(handled(database, "late", 12))
            await until(handled(database, "early", 12))
    for name in ("early", "late"):
        assert await effects(database, name) == once_in_order(events)


async def test_what_fails_is_tried_again_in_its_turn(open_bus: Opening, database: Database) -> None:
    attempts: list[int] = []

    async def fail_twice(tx: AsyncConnection, it: CloudEvent) -> None:
        attempts.append(it.data["number"])
        await noting("c")(tx, it)
        if attempts.count(2) < 3 and it.data["number"] == 2:
            raise RuntimeError("not yet")

    async with open_bus() as bus:
        await bus.publish([event("s", n) for n in (1, 2, 3)])
        async with consuming(bus, "c", consumer(database, "c", fail_twice).deliver):
            await until(handled(database, "c", 3))
    assert attempts == [1, 2, 2, 2, 3]
    assert await effects(database, "c") == {"s": [1, 2, 3]}
    assert await DeadLetters(database, inbox).list() == []


async def test_poison_becomes_a_dead_letter_and_lives_again_when_it_is_replayed(
    open_bus: Opening, database: Database
) -> None:
    mended = False

    async def choke(tx: AsyncConnection, it: CloudEvent) -> None:
        if it.data["number"] == 2 and not mended:
            raise ValueError("poison")
        await noting("c")(tx, it)

    events = [event("s", n) for n in (1, 2, 3)]
    dead = DeadLetters(database, inbox)
    async with open_bus() as bus:
        await bus.publish(events)
        async with (
            consuming(bus, "c", consumer(database, "c", choke).deliver),
            consuming(bus, "other", consumer(database, "other").deliver),
        ):
            await until(handled(database, "c", 2))
            await until(handled(database, "other", 3))
            (letter,) = await dead.list()
            poison = events[1].model_dump(mode="json")
            assert (letter.consumer, letter.event, letter.attempts) == ("c", poison, 3)
            assert letter.error == "ValueError: poison"
            await dead.replay(letter.id, bus)
            await until(partial(_dead_again, dead, letter.id))
            (letter,) = await dead.list()
            mended = True
            await dead.replay(letter.id, bus)
            await until(handled(database, "c", 3))
    assert await dead.list() == []
    assert await effects(database, "c") == {"s": [1, 3, 2]}
    assert await effects(database, "other") == {"s": [1, 2, 3]}


async def _dead_again(dead: DeadLetters, before: int) -> bool:
    return [item.id for item in await dead.list()] not in ([], [before])


async def test_what_is_unavailable_is_not_held_against_the_event(
    open_bus: Opening, database: Database
) -> None:
    attempts = 0

    async def away_for_long(tx: AsyncConnection, it: CloudEvent) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 8:
            raise Unavailable("away")
        await noting("c")(tx, it)

    async with open_bus() as bus:
        await bus.publish([event("s", 1)])
        async with consuming(bus, "c", consumer(database, "c", away_for_long).deliver):
            await until(handled(database, "c", 1))
    assert await DeadLetters(database, inbox).list() == []


async def test_a_handler_that_hangs_is_ended_and_counted(
    open_bus: Opening, database: Database
) -> None:
    async def hang(tx: AsyncConnection, it: CloudEvent) -> None:
        if it.data["number"] == 1:
            await asyncio.sleep(60)
        await noting("c")(tx, it)

    async with open_bus() as bus:
        await bus.publish([event("s", n) for n in (1, 2)])
        async with consuming(bus, "c", consumer(database, "c", hang).deliver):
            await until(handled(database, "c", 1))
    (letter,) = await DeadLetters(database, inbox).list()
    assert (letter.attempts, letter.error) == (4, "TimeoutError: no answer in time")
    assert await effects(database, "c") == {"s": [2]}


async def test_the_lanes_of_a_consumer_that_stops_go_to_another(
    open_bus: Opening, database: Database
) -> None:
    events = some_events(subjects=8, each=10)
    async with open_bus() as one, open_bus() as two:
        async with consuming(two, "c", consumer(database, "c").deliver):
            async with consuming(one, "c", consumer(database, "c").deliver):
                await one.publish(events[:40])
                await until(handled(database, "c", 20))
            await two.publish(events[40:])
            await until(handled(database, "c", len(events)))
    assert await effects(database, "c") == once_in_order(events)


async def test_consuming_ends_when_cancelled_even_if_what_it_awaits_drops_the_cancel(
    open_bus: Opening,
) -> None:
    begun = asyncio.Event()

    async def drop_the_cancel(_: CloudEvent) -> None:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    async with open_bus() as bus:
        await bus.publish([event("s", 1)])
        consuming = asyncio.create_task(bus.consume("c", drop_the_cancel))
        async with asyncio.timeout(10):
            await begun.wait()
        consuming.cancel()
        await asyncio.wait([consuming], timeout=10)
        assert consuming.cancelled()
