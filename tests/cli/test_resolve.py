"""What `saga resolve` says that a word means, and which saga of an order it is said of."""

from typing import Any

import pytest

from cli.client import Api, ApiError
from cli.operate.resolve_cancel_return import Again, OperatorWord

ORDER = {
    "id": "ord_1",
    "status": "confirmed",
    "customer_id": "usr_1",
    "items": [{"sku": "lamp", "quantity": 2, "unit_price": {"minor": 450, "currency": "EUR"}}],
    "total": {"minor": 900, "currency": "EUR"},
    "reason": None,
    "version": 4,
    "created_at": "2026-11-24T12:00:00Z",
    "updated_at": "2026-11-24T12:00:00Z",
    "links": {},
}
WORDS = {"retry": "ask again", "mark_done": "it was done", "skip": "it is not done"}
REFUND = {"name": "refund_payment", "state": "blocked", "role": "action", "words": WORDS}
DONE: dict[str, Any] = {"name": "begin_return", "state": "done", "role": None, "words": {}}
FENCE: dict[str, Any] = {
    "name": "confirm_order",
    "state": "blocked",
    "role": "fence",
    "words": {"retry": "ask"},
}


class Shop(Api):
    """An order whose return is blocked, and another whose own saga is."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._answers: dict[str, Any] = {
            "/v1/orders/ord_1": ORDER,
            "/v1/orders/ord_1/story": {
                "blocked": [{"saga_id": "return-ord_1", "step": "refund_payment"}]
            },
            "/v1/orders/ord_2/story": {
                "blocked": [{"saga_id": "order-ord_2", "step": "confirm_order"}]
            },
            "/v1/orders/ord_3/story": {"blocked": []},
            "/v1/sagas/return-ord_1": {"steps": [DONE, REFUND], "trouble": None},
            "/v1/sagas/order-ord_2": {"steps": [FENCE], "trouble": None},
        }

    def get(self, path: str, **query: Any) -> Any:
        return self._answers[path]

    def post(self, path: str, body: Any = None, **how: Any) -> Any:
        self.said.append(path)
        return {}


def test_an_order_stands_for_the_saga_of_it_that_is_blocked() -> None:
    shop = Shop()
    word = OperatorWord(shop, "refund_payment", "skip", "it was agreed", None)
    means = "the saga never gives 9.00 EUR back to the customer; nothing is sent"
    before = word.preview("ord_1")
    assert before.startswith("would skip refund_payment in return-ord_1: you say that ")
    assert before.endswith(means)
    assert shop.said == []
    assert word.say("ord_1").endswith(means)
    assert shop.said == ["/v1/sagas/return-ord_1/steps/refund_payment/resolve"]


@pytest.mark.parametrize(
    ("step", "which", "action", "evidence", "code"),
    [
        ("refund_payment", "return-ord_1", "mark_done", " ", "evidence_missing"),
        ("refund_payment", "return-ord_1", "mark_done", "…", "evidence_missing"),
        ("begin_return", "return-ord_1", "retry", "", "step_not_blocked"),
        ("ship", "return-ord_1", "retry", "", "step_not_blocked"),
        ("confirm_order", "ord_2", "skip", "it landed", "retry_only"),
    ],
)
def test_a_preview_refuses_what_the_word_itself_would_be_refused_for(
    step: str, which: str, action: str, evidence: str, code: str
) -> None:
    with pytest.raises(ApiError) as refused:
        OperatorWord(Shop(), step, action, evidence, None).preview(which)
    assert refused.value.code == code


@pytest.mark.parametrize("which", ["ord_1", "return-ord_1"])
def test_whatever_is_blocked_of_an_order_or_a_saga_is_tried_again(which: str) -> None:
    shop = Shop()
    assert "retry refund_payment" in Again(shop).preview(which)
    assert shop.said == []
    assert "retry of refund_payment accepted: ask again" in Again(shop).say(which)
    assert shop.said == ["/v1/sagas/return-ord_1/steps/refund_payment/resolve"]


def test_a_retry_of_what_is_not_blocked_is_refused_with_what_happens_anyway() -> None:
    with pytest.raises(ApiError) as refused:
        Again(Shop()).say("ord_3")
    assert refused.value.code == "step_not_blocked"
    assert "tried again by itself" in str(refused.value)
