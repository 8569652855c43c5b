"""`saga order place|show|watch|list|cancel|return`: orders from a shell, by way of the REST API."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from cli.client import Api, ApiError, fail
from cli.orders import watch as watching
from cli.orders.open_return import ENDS, describe_return, read_open_return
from cli.orders.order_as_of import past
from cli.orders.quantities import read_quantities
from cli.output import FittingTable, keep_whole
from contracts.money.formatting import format_money
from contracts.names import describe_settled

app = typer.Typer(help="Place, show, watch, list, cancel and return orders.", no_args_is_help=True)

Url = Annotated[
    str | None, typer.Option("--url", envvar="SAGA_URL", help="An API; else the local stack's")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]
OrderId = Annotated[str, typer.Argument(help="ord_…")]
STYLES = {
    "confirmed": "green",
    "pending": "cyan",
    "blocked": "bold red",
    "rejected": "yellow",
    "cancelled": "yellow",
    "timed_out": "red",
    "returned": "magenta",
}
BY_HAND = "settled by hand"
LONG = 30  # seconds that the API is asked to wait; most orders end well before
WAIT = 60.0
POLL = 0.2
WIDE = 120  # columns


@app.command()
def place(
    items: Annotated[list[str], typer.Argument(help="SKU=QUANTITY, one or more")],
    *,
    customer: Annotated[str, typer.Option("--customer", help="usr_…")],
    payment_method: Annotated[str, typer.Option("--payment-method")] = "pm_card_visa",
    key: Annotated[str | None, typer.Option("--key", help="Idempotency-Key; else a new")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until the order has ended")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Place an order."""
    quantities = read_quantities(items)
    with report_api_errors():
        api = Api.at(url)
        asked = LONG if wait else None
        order = api.place(customer, quantities, payment_method, key=key, wait=asked)
        if wait:
            order = wait_for(api, order["id"], lambda it: it["status"] != "pending")
    _print(order, as_json)


@app.command()
def show(
    order_id: OrderId,
    *,
    at: Annotated[
        str | None,
        typer.Option("--at", help="As it was: a version, or a time such as 2026-01-31T12:00Z"),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show an order and its saga, or the order as it was."""
    with report_api_errors():
        api = Api.at(url)
        if at is not None:
            _print(past(api.get_items(f"/v1/orders/{order_id}/events"), order_id, at), as_json)
            return
        order = api.get(f"/v1/orders/{order_id}")
        order["saga"] = api.get(f"/v1/orders/{order_id}/saga")
        if (under_way := read_open_return(api, order)) is not None:
            order["return"] = under_way
    _print(order, as_json)


@app.command()
def watch(
    order_id: Annotated[str | None, typer.Argument(help="ord_…, or all orders without")] = None,
    *,
    beyond: Annotated[bool, typer.Option("--beyond", help="Also past its end, for ever")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show what happens to an order as it happens, until it has ended; or to all, for ever."""
    with report_api_errors():
        watching.watch(order_id, url, as_json=as_json, beyond=beyond)


@app.command("list")
def list_orders(
    *,
    status: Annotated[str | None, typer.Option("--status")] = None,
    customer: Annotated[str | None, typer.Option("--customer")] = None,
    settled_by_hand: Annotated[
        bool | None,
        typer.Option(help="Only those of which operators have settled something, or have not"),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100)] = 20,
    cursor: Annotated[str | None, typer.Option("--cursor", help="From the last page")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List orders, newest first."""
    with report_api_errors():
        page = Api.at(url).get(
            "/v1/orders",
            status=status,
            customer_id=customer,
            settled_by_hand=None if settled_by_hand is None else str(settled_by_hand).lower(),
            limit=limit,
            cursor=cursor,
        )
    if as_json:
        typer.echo(json.dumps(page))
        return
    console = Console()
    console.print(make_table(page["items"], console.width))
    for order in page["items"]:
        if settled := order.get("settled_by_hand"):
            told = ", ".join(describe_settled(**each) for each in settled)
            console.print(f"* {order['id']}: {BY_HAND}: {told}", soft_wrap=True)
    if page["next_cursor"]:
        console.print(f"more: saga order list --cursor {page['next_cursor']}", soft_wrap=True)


@app.command()
def cancel(
    order_id: OrderId,
    *,
    reason: Annotated[str | None, typer.Option("--reason")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until the order has ended")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Cancel an order, if it is not too late."""
    with report_api_errors():
        api = Api.at(url)
        order = api.post(f"/v1/orders/{order_id}/cancel", {"reason": reason} if reason else {})
        if wait:
            order = wait_for(api, order_id, lambda it: it["status"] != "pending")
    _print(order, as_json)


@app.command("return")
def return_order(
    order_id: OrderId,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Until the return has ended")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Return a confirmed order: the money and the goods go back."""
    with report_api_errors():
        api = Api.at(url)
        order = api.post(f"/v1/orders/{order_id}/return")
        if wait and order["status"] != "returned":
            order = _end_of_return(api, order_id)
    _print(order, as_json)


def wait_for(api: Api, order_id: str, done: Callable[[Any], bool]) -> Any:
    """Read the order until `done` says so. ApiError after a minute."""
    deadline = time.monotonic() + WAIT
    while not done(order := api.get(f"/v1/orders/{order_id}")):
        if time.monotonic() > deadline:
            raise ApiError(0, "still_pending", f"{order_id} is {order['status']} after {WAIT} s")
        time.sleep(POLL)
    return order


def _end_of_return(api: Api, order_id: str) -> Any:
    """The order when its return has ended. ApiError if it was abandoned."""
    saga: dict[str, Any] = {}

    def has_ended(_: Any) -> bool:
        saga.update(api.get(f"/v1/orders/{order_id}/return"))
        return saga["state"] in ENDS

    wait_for(api, order_id, has_ended)
    if saga["state"] == "compensated":
        raise ApiError(0, "return_abandoned", saga["cause"])
    return api.get(f"/v1/orders/{order_id}")


def make_table(orders: list[dict[str, Any]], width: int) -> FittingTable:
    """A line an order. On a narrow terminal, who ordered gives way, and the rest stays whole."""
    names = ("order", "status", "total", "placed") + (("customer",) if width >= WIDE else ())
    table = FittingTable(*keep_whole(*names))
    for order in orders:
        placed = order["created_at"][:19].replace("T", " ")
        status = add_style(order["status"]) + (" *" if order.get("settled_by_hand") else "")
        cells = (order["id"], status, money(order["total"]), placed)
        table.add_row(*cells, *((order["customer_id"],) if width >= WIDE else ()))
    return table


def add_style(status: str) -> str:
    """The status in its colour."""
    return f"[{STYLES.get(status, 'white')}]{status}[/]"


def money(amount: dict[str, Any]) -> str:
    """An amount of the API, for people."""
    return format_money(amount["minor"], amount["currency"])


@contextmanager
def report_api_errors() -> Iterator[None]:
    """Print what the API says is wrong, and exit."""
    try:
        yield
    except ApiError as error:
        raise fail(error) from error


def _print(order: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(order))
        return
    console = Console()
    console.print(f"[bold]{order['id']}[/] {add_style(order['status'])} {money(order['total'])}")
    for settled in order.get("settled_by_hand", ()):
        console.print(f"  {BY_HAND}: {describe_settled(**settled)}", soft_wrap=True)
    if order["reason"]:
        console.print(f"  {order['reason']['code']}: {order['reason']['detail']}")
    if under_way := order.get("return"):
        console.print(f"  {describe_return(under_way)}", soft_wrap=True)
    for item in order["items"]:
        console.print(f"  {item['quantity']} x {item['sku']} at {money(item['unit_price'])}")
    if saga := order.get("saga"):
        console.print(make_table_of_steps(saga["steps"]))
        if link := saga["links"].get("temporal_ui"):  # for operators only
            console.print(link, soft_wrap=True)


def make_table_of_steps(steps: list[dict[str, Any]]) -> FittingTable:
    """A line a step. What it failed of is wrapped."""
    table = FittingTable(*keep_whole("step", "kind", "state", "attempts"), "error")
    for step in steps:
        columns = (step["name"], step["kind"], step["state"], str(step["attempts"]))
        table.add_row(*columns, escape(step["error"] or ""))
    return table
