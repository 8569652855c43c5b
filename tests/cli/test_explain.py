"""What `saga explain` tells of an order whose saga does not tell of itself."""

from collections.abc import Sequence
from typing import Any

import pytest

from cli.client import Api, ApiError
from cli.operate.explain import story
from cli.operate.order_details import read_order_details

ORDER = {
    "id": "ord_1",
    "status": "pending",
    "customer_id": "usr_1",
    "created_at": "2026-11-24T12:00:00Z",
    "items": [{"sku": "lamp", "quantity": 2}],
    "total": {"minor": 1200, "currency": "EUR"},
    "reason": None,
}
RECORD = {
    "service": "inventory",
    "step": "reserve_inventory",
    "op": "action",
    "state": "done",
    "recorded_at": "2026-11-24T12:00:01Z",
}

STORY = {
    "says": "It is at work.",
    "next": "It goes on.",
    "money": {"says": "0.00 EUR is held; no charge was asked for."},
    "stock": {"says": "2 pieces are reserved for it."},
}
BEGUN = {**RECORD, "service": "order", "step": "begin_return"}
UNDER_WAY = {"name": "begin_return", "state": "running", "attempts": 1, "error": None}
UNDER_WAY |= {"started_at": "2026-11-24", "finished_at": None}
RETURN = {"state": "running", "cause": None, "steps": [UNDER_WAY], "compensations": []}
ABANDONED = {"type": "OrderReturnAbandoned", "recorded_at": "2026-11-24", "data": {}}


class Answering(Api):
    """An API that gives these answers; an answer that is a status is an error."""

    def __init__(self, saga: int | dict[str, Any], events: Sequence[dict[str, Any]] = ()) -> None:
        self._answers: dict[str, Any] = {
            "/v1/orders/ord_1": ORDER,
            "/v1/orders/ord_1/story": STORY,
            "/v1/orders/ord_1/events": {"items": events},
            "/v1/sagas/order-ord_1": saga,
            "/v1/sagas/order-ord_1/records": {"items": [RECORD]},
            "/v1/sagas/return-ord_1": 404,
            "/v1/sagas/return-ord_1/records": {"items": []},
            "/v1/sagas/return-ord_1-2": RETURN,
            "/v1/sagas/return-ord_1-2/records": {"items": [BEGUN]},
        }

    def add_record(self, record: dict[str, Any]) -> None:
        """Have it on record, too."""
        self._answers["/v1/sagas/order-ord_1/records"] = {"items": [RECORD, record]}

    def get(self, path: str, **query: Any) -> Any:
        answer = self._answers[path]
        if isinstance(answer, int):
            raise ApiError(answer, "unavailable", "query failed")
        return answer


@pytest.mark.parametrize(
    ("status", "told"),
    [(404, "Temporal no longer has its workflow"), (503, "Its workflow does not answer")],
)
def test_an_order_is_explained_from_records_if_its_saga_says_nothing(
    status: int, told: str
) -> None:
    said = "\n".join(story(read_order_details(Answering(status), "ord_1")))
    assert told in said
    assert "inventory: reserve_inventory took effect, once" in said
    assert "Stock: 2 pieces are reserved for it." in said


def test_a_saga_that_waits_says_for_what_since_when_and_until_when() -> None:
    wait = {"what": "the customer's approval", "since": "2026-11-24", "until": "2026-11-26"}
    step = {"name": "approve", "state": "waiting", "attempts": 1, "error": None, "waiting": wait}
    step |= {"started_at": "2026-11-24", "finished_at": None}
    saga = {"state": "waiting", "cause": None, "steps": [step], "compensations": []}
    said = "\n".join(story(read_order_details(Answering(saga), "ord_1")))
    assert "Its saga is waiting." in said
    assert (
        "approve: waiting for the customer's approval since 2026-11-24, until 2026-11-26\n" in said
    )
    assert said.endswith("Next: It goes on.")


def test_every_saga_that_an_order_has_had_is_told_of_and_no_other() -> None:
    api = Answering(404, [ABANDONED])
    said = "\n".join(story(read_order_details(api, "ord_1")))
    assert "Its ReturnOrder saga (return-ord_1-2) is running." in said
    assert "return-ord_1)" not in said
    assert "order: begin_return took effect, once" in said
    assert "begin_return" not in "\n".join(story(read_order_details(Answering(404), "ord_1")))


def test_what_is_blocked_or_still_to_be_undone_is_not_said_to_be_undone() -> None:
    states = {"create_order": "done", "check_user": "done", "reserve_inventory": "compensated"}
    states["charge_payment"] = "blocked"
    times = {"started_at": None, "finished_at": None}
    steps = [
        {"name": name, "kind": "compensatable", "state": state, "attempts": 1, "error": None}
        | {"role": "compensation", **times}
        for name, state in states.items()
    ]
    steps[1]["kind"] = "read"
    undone = [
        {"step": step["name"], "state": step["state"], "error": None} for step in steps[:1:-1]
    ]
    saga = {"state": "blocked", "cause": "cancelled", "steps": steps, "compensations": undone}
    said = "\n".join(story(read_order_details(Answering(saga), "ord_1")))
    assert "  Undone, last first: reserve_inventory\n" in said
    assert "  Blocked, and not undone: charge_payment\n" in said
    assert "  Still to be undone: create_order\n" in said
    undone[0]["state"] = "skipped"
    said = "\n".join(story(read_order_details(Answering(saga), "ord_1")))
    assert "  Not undone, by an operator's word: charge_payment\n" in said


def test_an_error_that_is_no_silence_is_told() -> None:
    with pytest.raises(ApiError, match="403"):
        read_order_details(Answering(403), "ord_1")


def test_a_charge_that_was_called_off_is_not_said_to_have_had_no_effect() -> None:
    """It may have been made: where the money is, the provider knows."""
    api = Answering(404)
    called_off = {"service": "payment", "step": "charge_payment", "state": "tombstone"}
    api.add_record(RECORD | called_off)
    said = "\n".join(story(read_order_details(api, "ord_1")))
    assert "payment: charge_payment was called off while its outcome was not known" in said
