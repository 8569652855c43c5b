"""What is said of an order's money is what the provider's ledger has, and what people decided."""

from contracts.names import return_id
from tests.support.gates import BEFORE
from tests.support.returns import ask, cancel, ended
from tests.support.telling import Told, read_told
from tests.support.waiting import until
from tests.support.world import World
from tests.workflows.test_blocked import blocked_refund, resolve
from tests.workflows.test_temporal_cli import temporal

SLIP = "bank slip 12"
UNDONE = ("Everything that was begun is undone", "all is undone", "charge_payment never took")


async def held(world: World, told: Told) -> int:
    """Minor units that are told to be held; the provider's ledger must say the same."""
    captured, refunded = await world.provider.fetch_moved(told.story["order_id"])
    assert told.story["money"]["held"]["minor"] == captured - refunded
    return captured - refunded


async def test_what_was_given_back_at_the_provider_is_not_held(world: World) -> None:
    sku = await world.product(minor=900)
    order_id = await world.place(sku, quantity=4)
    await world.settled(order_id, sku, "confirmed")
    intent = (await world.rest(f"/v1/payments/{order_id}"))["intent_id"]
    refund = {"payment_intent": intent, "amount": 900}
    (await world.provider.http.post("/v1/refunds", data=refund)).raise_for_status()
    told = await read_told(world, order_id)
    assert await held(world, told) == 2700
    for said in told.sentences:
        assert "27.00 EUR is held" in said
        assert "36.00 EUR is held" not in said
        assert "It was charged once" not in said
        assert "9.00 EUR given back at the provider" in said


async def test_money_that_an_operator_let_be_is_not_undone(world: World) -> None:
    order_id, _ = await blocked_refund(world)
    waits = await read_told(world, order_id)
    assert await held(world, waits) == 1000
    assert waits.story["money"]["at_stake"]["minor"] == 1000
    word = {"action": "skip", "evidence": SLIP}
    assert await resolve(world, order_id, "charge_payment", **word) == 202
    await world.handle(order_id).result()
    told = await read_told(world, order_id)
    assert await held(world, told) == 1000
    assert told.story["money"]["state"] == "written_off"
    assert told.story["money"]["at_stake"]["minor"] == 0
    for said in told.sentences:
        assert not [claim for claim in UNDONE if claim in said]
        assert "left undone for good: the saga never gives 10.00 EUR back to the customer" in said
        assert SLIP in said


async def test_money_that_went_back_by_other_means_is_told_as_somebodys_word(world: World) -> None:
    order_id, _ = await blocked_refund(world)
    word = {"action": "mark_done", "evidence": SLIP}
    assert await resolve(world, order_id, "charge_payment", **word) == 202
    await world.handle(order_id).result()
    told = await read_told(world, order_id)
    assert await held(world, told) == 1000
    assert told.story["money"]["state"] == "settled_by_hand"
    for said in told.sentences:
        assert not [claim for claim in UNDONE if claim in said]
        assert "operator-of-the-tests says that this was done by other means" in said


async def test_an_order_whose_refund_was_skipped_is_not_said_to_have_its_money_back(
    world: World,
) -> None:
    """Its fence says that the refund had begun, so a later life must go on, and may be told to."""
    sku = await world.product()
    order_id = await world.place(sku, method="pm_sandbox_return_refused")
    order = await world.settled(order_id, sku, "confirmed")
    saga_id = return_id(order_id)

    async def state() -> str:
        return str((await world.rest(f"/v1/orders/{order_id}/return"))["state"])

    async def blocked() -> bool:
        return await state() == "blocked"

    await ask(world, order)
    await until(blocked)
    gate = world.gates.close(saga_id, "order.begin_return", BEFORE)
    which = ("-w", saga_id, "--type", "FirstWorkflowTask", "--reason", "a test")
    await temporal(world, "workflow", "reset", *which)
    await gate.wait_reached()
    await cancel(world, order, "temporal")
    await gate.open()
    await until(blocked)
    told = await read_told(world, order_id)
    for said in told.sentences:
        assert "Returning it waits for an operator: refund_payment is blocked" in said
    assert f"saga resolve refund_payment {saga_id}" in told.explained
    word = {"action": "skip", "evidence": SLIP}
    path = f"/v1/sagas/{saga_id}/steps/refund_payment/resolve"
    (await world.http.post(path, json=word)).raise_for_status()
    await ended(world, order)
    assert (await world.order(order_id)).status == "returned"
    told = await read_told(world, order_id)
    assert await held(world, told) == 1000
    for said in told.sentences:
        assert "The money went back" not in said
        assert "It is returned on record." in said
        assert "left undone for good: the saga never gives 10.00 EUR back" in said
