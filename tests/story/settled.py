"""That an operator's word made a status, as far as it did, is said wherever the status is told."""

from collections.abc import Iterator
from typing import Any

from contracts.names import describe_settled
from tests.story.oracle import Truth
from tests.story.surfaces import Told, read_texts

ENDS = {"OrderRejected", "OrderCancelled", "OrderTimedOut", "OrderReturned"}


def compare_settled(told: Told, truth: Truth) -> Iterator[str]:
    words = [{"step": step, "action": action} for step, action in dict.fromkeys(truth.words)]
    own = [order for order in told.listed if order["id"] == told.order["id"]]
    filtered = [order for order in told.by_hand if order["id"] == told.order["id"]]
    messages = [message["data"] for message in told.messages[-1:]]
    for who, all_told in (
        ("order", [told.order]),
        ("list", own),
        ("list of what was settled", filtered),
        ("webhook", messages),
    ):
        for each in all_told:
            if _read(each) != words:
                yield f"{who}: settled by hand are {_read(each)}, and {words} were"
    yield from _compare_events(told)
    if bool(filtered) != bool(words and own):
        yield f"list of what was settled: {filtered}, and settled were {words}"
    if own and own[0]["status"] != told.order["status"]:
        yield f"list: the status is {own[0]['status']}"
    yield from _compare_texts(told, words)


def _compare_events(told: Told) -> Iterator[str]:
    """What ends the order tells of all that was said before it, by version."""
    said: dict[tuple[str, str], None] = {}
    for event in told.events:
        data = event["data"]
        if data.get("action") in {"skip", "mark_done"}:
            said[data["step"], data["action"]] = None
        words = [{"step": step, "action": action} for step, action in said]
        if event["type"] in ENDS and _read(data) != words:
            yield f"event {event['type']}: settled by hand are {_read(data)}, and {words} were"


def _read(told: dict[str, Any]) -> list[dict[str, str]]:
    settled: list[dict[str, str]] = told.get("settled_by_hand", [])
    return settled


def _compare_texts(told: Told, words: list[dict[str, str]]) -> Iterator[str]:
    page = " ".join(read_texts(told.page))
    for word in words:
        said = describe_settled(**word)
        for who, text in (("order show", told.shown), ("order list", told.rows), ("page", page)):
            if said not in text:
                yield f"{who}: nothing of {said}"
    if not words and "by hand:" in told.shown + told.rows:
        yield f"order show or list: something by hand: {told.shown}"
