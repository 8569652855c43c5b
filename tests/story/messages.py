"""What a customer's webhook was told of an order, compared with how the order stands.

Each message is of a moment, so it is compared with the event of its version; the last one is what
the customer goes by, and is compared with all that is true now.
"""

from collections.abc import Iterator
from typing import Any

from tests.story.oracle import Truth
from tests.story.surfaces import Told

# The event on record that each type of message is of, and the status that it tells.
EVENTS = {
    "order.placed": "OrderPlaced",
    "order.confirmed": "OrderConfirmed",
    "order.rejected": "OrderRejected",
    "order.cancelled": "OrderCancelled",
    "order.timed_out": "OrderTimedOut",
    "order.returned": "OrderReturned",
    "order.blocked": "StepBlocked",
    "order.unblocked": "StepUnblocked",
}
OF_STEPS = {"order.blocked", "order.unblocked"}
TELLS = {kind: kind.removeprefix("order.") for kind in EVENTS.keys() - OF_STEPS}
TELLS["order.placed"] = "pending"
DONE = ("action", "done")
EFFECTS = {"create_order", "reserve_inventory", "charge_payment"}  # what is undone, if they are
PROMISES = {
    "order.confirmed": EFFECTS | {"confirm_order"},
    "order.returned": {"refund_payment", "restock"},
}


def compare_messages(told: Told, truth: Truth) -> Iterator[str]:
    recorded = dict(truth.events)
    seen = 0
    for message in told.messages:
        kind, data = message["type"], message["data"]
        if data["order_id"] != told.order["id"] or data["customer_id"] != truth.customer:
            yield f"webhook: {kind} is of another order or customer: {data}"
        if data["total"] != {"minor": truth.total, "currency": "EUR"}:
            yield f"webhook: the total is {data['total']}, and {truth.total} is on record"
        if data["status"] != TELLS.get(kind, data["status"]):
            yield f"webhook: {kind} tells the status {data['status']}"
        if recorded.get(data["version"]) != EVENTS[kind]:
            yield f"webhook: {kind} is version {data['version']}, and on record are {recorded}"
        if data["version"] <= seen:
            yield f"webhook: {kind} is out of order, at version {data['version']}"
        seen = data["version"]
    yield from _find_untold(told, truth)
    if told.messages:
        yield from _compare_last(told.messages, truth)


def _find_untold(told: Told, truth: Truth) -> Iterator[str]:
    """What a customer must be told, and was not."""
    kinds = {event: kind for kind, event in EVENTS.items() if kind not in OF_STEPS}
    said = [message["type"] for message in told.messages]
    for _, event in truth.events:
        if event in kinds and kinds[event] not in said:
            yield f"webhook: nothing of {event}"


def _compare_last(messages: list[dict[str, Any]], truth: Truth) -> Iterator[str]:
    last = messages[-1]
    data, reason = last["data"], last["data"]["reason"]
    if data["status"] != truth.status:
        yield f"webhook: the last status is {data['status']}, and {truth.status} is on record"
    if (reason["code"] if reason else "") != truth.reason:
        yield f"webhook: the reason is {reason}, and {truth.reason!r} is on record"
    blocked = [message["type"] for message in messages if message["type"] in OF_STEPS][-1:]
    if truth.blocked and blocked != ["order.blocked"]:
        yield f"webhook: does not say that an operator is needed: {truth}"
    if last["type"] == "order.blocked" and not truth.wants_person:
        yield f"webhook: says that an operator is needed: {truth}"
    if last["type"] not in OF_STEPS and not truth.words and not _is_kept(last["type"], truth):
        yield f"webhook: {last['type']} promises what is not done: {truth}"


def _is_kept(kind: str, truth: Truth) -> bool:
    """Whether the services did what a message promises; what others did later is not its fault."""
    done = {step for (_, step, half), state in truth.barrier.items() if (half, state) == DONE}
    if kind in {"order.confirmed", "order.returned"}:
        return PROMISES[kind] <= done
    return kind == "order.placed" or not done & EFFECTS
