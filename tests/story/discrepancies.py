"""Money at the provider behind everybody's back, that an audit has found and left for a person."""

from tests.story.incidents import Made
from tests.support.ledgers import at_the_provider
from tests.support.returns import ask, confirmed, ended
from tests.support.world import World
from tests.workflows.test_one_order_audited import audit_order, with_failed_refund


async def refund_at_provider(world: World) -> Made:
    """Somebody gives a part of a confirmed order's money back; then it is returned."""
    order, sku = await confirmed(world)
    payment = await world.services.payments.for_order(order.id)
    form = {"payment_intent": payment.intent_id, "amount": "300"}
    await at_the_provider(world, "/v1/refunds", **form)
    assert (await audit_order(world, order.id)).left == 1

    async def release() -> None:
        assert await ask(world, order) == 202
        await ended(world, order)

    return Made(order.id, sku, release)


async def fail_refund_late(world: World) -> Made:
    """The refund of a return fails, days after it succeeded; then an audit asks for it again."""
    order_id, sku = await with_failed_refund(world)
    assert (await audit_order(world, order_id, repair=False)).left == 1

    async def release() -> None:
        await audit_order(world, order_id)

    return Made(order_id, sku, release)


async def pay_by_other_means(world: World) -> Made:
    """The refund of a return fails late, and an operator says that the customer was paid so."""
    order_id, sku = await with_failed_refund(world)
    word = {"action": "mark_done", "evidence": "bank transfer 12"}
    (await world.http.post(f"/v1/orders/{order_id}/settle", json=word)).raise_for_status()
    return Made(order_id, sku)
