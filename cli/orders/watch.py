"""`saga order watch`: what happens to an order, or to all, as it happens."""

import json
import time
from collections.abc import Iterator
from typing import Any

import typer
from rich.console import Console

from cli.client import Api, ApiError

ENDS = {"OrderConfirmed", "OrderRejected", "OrderCancelled", "OrderTimedOut", "OrderReturned"}
TOLD = ("step", "action", "who", "evidence", "blocked", "sku", "quantity", "code", "detail")
PAUSE = 1.0  # seconds before it asks again


def watch(order_id: str | None, url: str | None, *, as_json: bool, beyond: bool) -> None:
    """Print events until the order has ended, or for ever. ApiError."""
    path = f"/v1/orders/{order_id}/events" if order_id else "/v1/events"
    for event in follow_events(path, url):
        if as_json:
            typer.echo(json.dumps(event))
        else:
            Console().print(_line(event), soft_wrap=True, highlight=False, markup=False)
        if order_id and not beyond and event["type"] in ENDS:
            return


def follow_events(path: str, url: str | None) -> Iterator[dict[str, Any]]:
    """Every event once, however often the stream breaks off or the API is started again.

    ApiError if there is no stream in the first place, or none for this caller.
    """
    seen = ""
    while True:
        try:
            # A token of the local stack is made anew each time, as it may have expired.
            for event in Api.at(url).events(path, seen):
                seen = event.id or seen
                if event.data:
                    yield json.loads(event.data)
        except ApiError as error:
            if error.resume and seen:
                typer.echo(f"{error}", err=True)
                seen = error.resume
                continue
            if error.status not in {0, 503} or not seen:
                raise
        time.sleep(PAUSE)


def _line(event: dict[str, Any]) -> str:
    told = [event["recorded_at"], event["type"]]
    if "order_id" in event:  # among those of all orders
        told.append(event["order_id"])
    for name in TOLD:
        if (value := event["data"].get(name)) is not None:
            told.append(f"{name}={value}")
    return "  ".join(str(line) for line in told)
