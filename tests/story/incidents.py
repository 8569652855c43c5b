"""Every incident and every ending of an order, and how each is made for real."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio.exceptions import ApplicationError

from api.temporal.troubles import Kind
from contracts.names import workflow_id
from tests.support.gates import AFTER, BEFORE
from tests.support.waiting import until
from tests.support.world import World

DECLINED = "pm_card_visa_chargeDeclined"


async def rest_as_it_is() -> None:
    """Nothing has to be put right behind it."""


@dataclass(frozen=True)
class Made:
    """An order that stands as the incident has it; `release` lets go of what was held up."""

    order_id: str
    sku: str
    release: Callable[[], Awaitable[None]] = rest_as_it_is


@dataclass(frozen=True)
class Incident:
    """How it is made, the order's status then, and whether a person must act.

    `kind`: as what one of its sagas is in the list of trouble, if it is.
    """

    name: str
    make: Callable[[World], Awaitable[Made]]
    status: str
    person: bool = False
    kind: Kind | None = None


async def confirm(world: World) -> Made:
    """Nothing happens."""
    return await _end(world, "pm_card_visa", "confirmed")


async def decline(world: World) -> Made:
    """The card is refused."""
    return await _end(world, DECLINED, "rejected")


async def lose_reply(world: World) -> Made:
    """The provider's answer to the charge is lost on its way."""
    return await _end(world, "pm_sandbox_reply_lost", "confirmed")


async def _end(world: World, method: str, status: str) -> Made:
    sku = await world.product()
    order_id = await world.place(sku, method=method)
    await world.settled(order_id, sku, status)
    return Made(order_id, sku)


async def sell_out(world: World) -> Made:
    """There are too few pieces."""
    sku = await world.product(stock=1)
    order_id = await world.place(sku, quantity=2)
    await world.settled(order_id, sku, "rejected")
    return Made(order_id, sku)


async def deactivate(world: World) -> Made:
    """The customer's account is closed."""
    sku = await world.product()
    order_id = await world.place(sku, user=await world.user(active=False))
    await world.settled(order_id, sku, "rejected")
    return Made(order_id, sku)


async def erase(world: World) -> Made:
    """The customer is erased while the order is at work."""
    order_id, sku, gate = await world.stopped_at("user.validate", BEFORE)
    customer = (await world.rest(f"/v1/orders/{order_id}"))["customer_id"]
    (await world.http.post(f"/v1/users/{customer}/erase")).raise_for_status()
    await gate.open()
    await world.settled(order_id, sku, "rejected")
    return Made(order_id, sku)


def give_up(activity: str, *, landed: bool = False) -> Callable[[World], Awaitable[Made]]:
    """A step does not succeed in time; `landed`: it took effect, and every reply was lost."""

    async def make(world: World) -> Made:
        sku, user, order_id = await world.product(), await world.user(), world.next_order_id()
        failure = ApplicationError("the time is up", non_retryable=True)
        strike = world.gates.lose if landed else world.gates.refuse
        strike(workflow_id(order_id), activity, failure)
        await world.place(sku, user=user)
        await world.settled(order_id, sku, "timed_out")
        world.gates.allow(workflow_id(order_id))
        return Made(order_id, sku)

    return make


def stand(activity: str, moment: str) -> Callable[[World], Awaitable[Made]]:
    """It is at work, and stands there."""

    async def make(world: World) -> Made:
        order_id, sku, gate = await world.stopped_at(activity, moment)

        async def release() -> None:
            await gate.open()
            await world.sagas_end(order_id)

        return Made(order_id, sku, release)

    return make


def cancel(
    activity: str, moment: str, status: str = "cancelled"
) -> Callable[[World], Awaitable[Made]]:
    """It is cancelled there, and comes to its end."""

    async def make(world: World) -> Made:
        order_id, sku, gate = await world.stopped_at(activity, moment)
        answer = await world.http.post(f"/v1/orders/{order_id}/cancel")
        assert answer.status_code in ({409} if status == "confirmed" else {200, 202})
        await gate.open()
        await world.settled(order_id, sku, status)
        return Made(order_id, sku)

    return make


async def undo(world: World) -> Made:
    """It is cancelled after the charge, and the refund is under way."""
    order_id, sku, charged = await world.stopped_at("payment.charge", AFTER)
    refund = world.gates.close(workflow_id(order_id), "payment.refund", BEFORE)
    await world.http.post(f"/v1/orders/{order_id}/cancel")
    await charged.open()
    await refund.wait_reached()

    async def release() -> None:
        await refund.open()
        await world.settled(order_id, sku, "cancelled")

    return Made(order_id, sku, release)


async def keep_refund_waiting(world: World) -> Made:
    """The provider is down while money is to go back."""
    order_id, sku, charged = await world.stopped_at("payment.charge", AFTER)
    saga_id = workflow_id(order_id)
    away = ApplicationError("the provider is away", type="Unavailable")
    world.gates.refuse(saga_id, "payment.refund", away)
    await world.http.post(f"/v1/orders/{order_id}/cancel")
    await charged.open()

    async def is_retried() -> bool:
        described = (await world.handle(order_id).describe()).raw_description
        return any(activity.attempt > 1 for activity in described.pending_activities)

    await until(is_retried)

    async def release() -> None:
        world.gates.allow(saga_id)
        await world.settled(order_id, sku, "cancelled")

    return Made(order_id, sku, release)


INCIDENTS = (
    Incident("confirmed", confirm, "confirmed"),
    Incident("reply of the charge lost", lose_reply, "confirmed"),
    Incident("declined", decline, "rejected"),
    Incident("out of stock", sell_out, "rejected"),
    Incident("customer's account closed", deactivate, "rejected"),
    Incident("customer erased", erase, "rejected"),
    *(
        Incident(f"gave up at {activity}", give_up(activity), "timed_out")
        for activity in ("order.create", "user.validate", "inventory.reserve", "payment.charge")
    ),
    Incident(
        "gave up on a charge that was made", give_up("payment.charge", landed=True), "timed_out"
    ),
    Incident("cancelled before the reservation", cancel("inventory.reserve", BEFORE), "cancelled"),
    Incident("cancelled after the reservation", cancel("inventory.reserve", AFTER), "cancelled"),
    Incident("cancelled after the charge", cancel("payment.charge", AFTER), "cancelled"),
    Incident("cancelled too late", cancel("inventory.commit", BEFORE, "confirmed"), "confirmed"),
    Incident("at work before the charge", stand("payment.charge", BEFORE), "pending"),
    Incident("at work after the charge", stand("payment.charge", AFTER), "pending", kind=Kind.SLOW),
    Incident("confirmed and not sold yet", stand("inventory.commit", BEFORE), "confirmed"),
    Incident("being undone", undo, "pending"),
    Incident(
        "refund retried while the provider is down",
        keep_refund_waiting,
        "pending",
        kind=Kind.RETRYING,
    ),
)
