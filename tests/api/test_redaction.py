"""Operators see who resolved what, and every raw error; customers see what concerns them."""

from typing import Any

import pytest

from api.security.authentication import Caller, Scope
from api.security.redaction import NO_SUCCESS, SHOWN, event_for, order_for
from contracts.base import Money, Reason
from contracts.event_records import RecordedEvent
from contracts.names import workflow_id
from contracts.orders import Order, OrderStatus
from saga import rejection
from services.order.aggregate import FOLDS
from tests.support.tokens import bearer
from tests.support.waiting import until
from tests.support.world import World

SECRET = "the bank said 4711"
EVIDENCE = "refunded by hand, bank slip 12"
OPERATOR = Caller("opal", frozenset({Scope.OPERATOR}), 0)
OTHERS = [Caller("who", frozenset({item}), 0) for item in (Scope.CUSTOMER, Scope.SERVICE)]


async def resolved(world: World, user: str) -> str:
    """An order of this customer's that was blocked, and is rejected by an operator's word."""
    sku, order_id = await world.product(), world.next_order_id()
    saga_id = workflow_id(order_id)
    world.gates.refuse(saga_id, "order.confirm", rejection("no", "refused"))
    world.gates.refuse(saga_id, "payment.refund", rejection("no_refund", SECRET))
    await world.place(sku, user=user)

    async def blocked() -> bool:
        return bool((await world.rest(f"/v1/orders/{order_id}"))["status"] == "blocked")

    await until(blocked)
    word = {"action": "mark_done", "evidence": EVIDENCE}
    await world.http.post(f"/v1/sagas/{saga_id}/steps/charge_payment/resolve", json=word)
    await world.handle(order_id).result()
    return order_id


async def test_a_customer_is_shown_no_evidence_no_operator_and_no_raw_error(world: World) -> None:
    user = await world.user()
    order_id = await resolved(world, user)
    told: dict[str, str] = {}
    shapes: dict[str, Any] = {}
    for who, headers in (("customer", bearer(user, Scope.CUSTOMER)), ("operator", bearer())):
        paths = [f"/v1/orders/{order_id}/{name}" for name in ("events", "saga")]
        answers = [await world.http.get(path, headers=headers) for path in paths]
        told[who] = "".join(answer.text for answer in answers)
        events, saga = (answer.json() for answer in answers)
        shapes[who] = (
            [event["type"] for event in events["items"]],
            [step["state"] for step in saga["steps"]],
        )
        assert ("temporal_ui" in saga["links"]) is (who == "operator")
    for secret in (SECRET, EVIDENCE, "operator-of-the-tests"):
        assert secret in told["operator"]
        assert secret not in told["customer"]
    assert shapes["customer"] == shapes["operator"]


def test_every_event_of_an_order_has_its_fields_listed() -> None:
    assert set(SHOWN) == set(FOLDS)


@pytest.mark.parametrize("me", OTHERS)
def test_what_is_not_listed_is_not_shown(me: Caller) -> None:
    now = "2026-01-01T00:00:00Z"
    new = RecordedEvent.model_validate(
        {"version": 1, "type": "SomethingNew", "data": {"who": "opal"}, "recorded_at": now}
    )
    assert event_for(me, new).data == {}
    assert event_for(OPERATOR, new) == new


@pytest.mark.parametrize("me", OTHERS)
def test_why_an_order_timed_out_is_told_without_the_error_of_the_machinery(me: Caller) -> None:
    reason = Reason(code="charge_payment_timed_out", detail="did not succeed: connect 10.0.0.7")
    order = Order.model_validate(
        {
            "id": "ord_1",
            "customer_id": "usr_1",
            "status": OrderStatus.TIMED_OUT,
            "items": [],
            "total": Money(minor=1, currency="EUR"),
            "reason": reason,
            "version": 2,
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        }
    )
    assert order_for(me, order).reason == Reason(code=reason.code, detail=NO_SUCCESS)
    assert order_for(OPERATOR, order).reason == reason
    declined = Reason(code="insufficient_funds", detail="Your card has insufficient funds.")
    order = order.model_copy(update={"reason": declined})
    assert order_for(me, order).reason == declined
