"""`saga explain`: the story of one order in plain words, and what happens next."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer

from cli.client import Api
from cli.operate.batch import Url
from cli.operate.errors import report_errors
from cli.operate.order_details import Json, OrderDetails, SagaDetails, read_order_details
from cli.orders.order import money
from contracts.names import order_of
from contracts.workflow_io import PLACING, type_of

RECORDED = {
    ("action", "started"): "was begun, and its outcome is not on record",
    ("action", "done"): "took effect, once",
    ("action", "compensated"): "took effect, and was undone",
    ("action", "tombstone"): "never took effect, and a late attempt will be refused",
}
# A charge that was called off may have been made: its service has asked the provider since.
OF_PAYMENT = {
    ("action", "tombstone"): "was called off while its outcome was not known; a late attempt will "
    "be refused",
}
# A compensation's state: what that says of its step.
UNDOING = {
    "compensated": "Undone, last first",
    "compensating": "Being undone",
    "blocked": "Blocked, and not undone",
    "skipped": "Not undone, by an operator's word",
}
TO_BE_UNDONE = "Still to be undone"
UNDER_WAY = {"compensating", "blocked"}  # of a saga that is undone
UNDOABLE = {"done", "failed"}  # of a step: it was begun


def explain(
    which: Annotated[str, typer.Argument(help="ord_…, or the id of a saga of it")],
    *,
    url: Url = None,
) -> None:
    """Tell the story of an order: what happened, what stands, and what happens next."""
    order_id = which if type_of(which) is None else order_of(which)
    with report_errors():
        case = read_order_details(Api.at(url), order_id)
    typer.echo("\n".join(story(case)))


def story(case: OrderDetails) -> Iterator[str]:
    """The lines of the story."""
    yield from _order(case.order, case.story)
    for saga in case.sagas:
        yield from _saga(saga)
    yield from _list_events(case.events)
    yield from _records(case)
    yield from _stakes(case.story)
    yield ""
    yield f"Next: {case.story['next']}"


def _order(order: Json, story: Json) -> Iterator[str]:
    items = ", ".join(f"{item['quantity']} x {item['sku']}" for item in order["items"])
    yield f"{order['id']} is {order['status']}."
    yield f"  {story['says']}"
    if order["reason"]:
        yield f"  {order['reason']['code']}: {order['reason']['detail']}"
    yield f"Ordered by {order['customer_id']} at {order['created_at']}: {items}; "
    yield f"  {money(order['total'])} in all."


def _saga(details: SagaDetails) -> Iterator[str]:
    """What one saga tells. The one that places the order is missed, others may never have been."""
    placing = details.kind is PLACING
    if not placing and not details.is_known:
        return
    kind, saga = "" if placing else f" {details.kind.name}", details.view
    which = "" if placing else f" ({details.saga_id})"
    yield ""
    if details.mute:
        yield f"Its{kind} workflow does not answer: no worker does."
        yield "What follows is from the services' records."
    elif saga is None:
        yield f"Temporal no longer has its{kind} workflow; what follows is from the services' "
        yield "records."
    elif not saga["steps"]:
        yield f"Its{kind} saga{which} is {saga['state']}, and tells nothing; "
        yield "what follows is on record."
    else:
        because = f", because of {saga['cause']}" if saga["cause"] else ""
        yield f"Its{kind} saga{which} is {saga['state']}{because}."
        yield from _list_steps(saga)


def _list_steps(saga: Json) -> Iterator[str]:
    for number, step in enumerate(saga["steps"], start=1):
        yield f"  {number}. {step['name']}: {_step(step)}"
    yield from _list_undoing(saga)


def _list_undoing(saga: Json) -> Iterator[str]:
    """What was undone, and what was not yet or never will be, each in the order of undoing."""
    found: dict[str, list[str]] = {}
    for undoing in saga["compensations"]:
        words = UNDOING.get(undoing["state"], TO_BE_UNDONE)
        found.setdefault(words, []).append(_compensation(undoing))
    begun = {undoing["step"] for undoing in saga["compensations"]}
    left = [
        step["name"]
        for step in reversed(saga["steps"])
        if step.get("kind") == "compensatable"
        and step["state"] in UNDOABLE
        and step["name"] not in begun
    ]
    if left and saga["cause"] and saga["state"] in UNDER_WAY:
        found.setdefault(TO_BE_UNDONE, []).extend(left)
    for words in (*UNDOING.values(), TO_BE_UNDONE):
        if words in found:
            yield f"  {words}: {', '.join(found[words])}"


def _compensation(undoing: Json) -> str:
    fails = f" (it is retried; {undoing['error']})" if undoing.get("error") else ""
    return f"{undoing['step']}{fails}"


def _step(step: Json) -> str:
    words = str(step["state"]).replace("_", " ")
    if step["started_at"] and step["finished_at"] and step["state"] == "done":
        took = datetime.fromisoformat(step["finished_at"]) - datetime.fromisoformat(
            step["started_at"]
        )
        words += f" in {took.total_seconds() * 1000:.0f} ms"
    if step["attempts"] > 1:
        words += f", {step['attempts']} attempts"
    words += _describe_wait(step)
    words += f"; {step['error']}" if step["error"] else ""
    return "\n".join([words, *_list_resolutions(step)])


def _describe_wait(step: Json) -> str:
    """For whom or what a step waits."""
    wait = step.get("waiting")
    if wait and (holder := step.get("waits_for_saga")):
        return f", waits for {holder} since {wait['since']}, at most until {wait['until']}"
    return f" for {wait['what']} since {wait['since']}, until {wait['until']}" if wait else ""


def _list_resolutions(step: Json) -> Iterator[str]:
    """What may be said of a step that is blocked, and what that means."""
    if step.get("words"):
        yield f"     It is its {step['role'] or 'action'} that waits. You may say:"
    for word, meaning in step.get("words", {}).items():
        yield f"     --action {word}: {meaning}"


def _list_events(events: list[Json]) -> Iterator[str]:
    yield ""
    yield "What is in its history for good:"
    for event in events:
        said = ", ".join(
            f"{name} {value}" for name, value in event["data"].items() if isinstance(value, str)
        )
        yield f"  {event['recorded_at']} {event['type']}" + (f": {said}" if said else "")


def _records(case: OrderDetails) -> Iterator[str]:
    yield ""
    yield "What the services have on record:"
    for record in case.records:
        known = RECORDED | OF_PAYMENT if record["service"] == "payment" else RECORDED
        if (words := known.get((record["op"], record["state"]))) is not None:
            yield f"  {record['service']}: {record['step']} {words}"
    for service in case.silent:
        yield f"  {service}: does not answer, so what it has is not known"


def _stakes(story: Json) -> Iterator[str]:
    yield ""
    yield f"Money: {story['money']['says']}"
    yield f"Stock: {story['stock']['says']}"
