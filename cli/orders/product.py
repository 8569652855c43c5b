"""`saga product list|show|add|stock`: what is sold, and how much of it there is."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from cli.client import Api
from cli.orders.order import AsJson, Url, money, report_api_errors
from cli.output import FittingTable, keep_whole

app = typer.Typer(help="List, show and offer products, and add stock.", no_args_is_help=True)
Sku = Annotated[str, typer.Argument(help="The product's SKU")]
Pieces = Annotated[int, typer.Argument(min=1, max=1000, help="So many pieces")]


@app.command("list")
def list_products(*, as_json: AsJson = False, url: Url = None) -> None:
    """List all products with their stock."""
    with report_api_errors():
        page = Api.at(url).get("/v1/products")
    if as_json:
        typer.echo(json.dumps(page))
    else:
        Console().print(make_table(page["items"]))


@app.command()
def show(sku: Sku, *, as_json: AsJson = False, url: Url = None) -> None:
    """Show a product with its stock."""
    with report_api_errors():
        product = Api.at(url).get(f"/v1/products/{sku}")
    _print(product, as_json=as_json)


@app.command()
def add(
    sku: Sku,
    *,
    name: Annotated[str, typer.Option("--name", help="For people")],
    minor: Annotated[int, typer.Option("--minor", min=0, help="Its price in minor units (cents)")],
    currency: Annotated[str, typer.Option("--currency")] = "EUR",
    stock: Annotated[int, typer.Option("--stock", min=0, help="So many pieces at first")] = 0,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Offer a product."""
    price = {"minor": minor, "currency": currency}
    body = {"sku": sku, "name": name, "price": price, "stock": stock}
    with report_api_errors():
        product = Api.at(url).post("/v1/products", body)
    _print(product, as_json=as_json)


@app.command("stock")
def add_stock(sku: Sku, quantity: Pieces, *, as_json: AsJson = False, url: Url = None) -> None:
    """Put pieces on the shelf: added to what is there, each time."""
    with report_api_errors():
        product = Api.at(url).post(f"/v1/products/{sku}/stock", {"quantity": quantity})
    _print(product, as_json=as_json)


def _print(product: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(product))
    else:
        Console().print(make_table([product]))


def make_table(products: list[dict[str, Any]]) -> FittingTable:
    """What is left of it stays whole on a narrow terminal; names give way."""
    counted = keep_whole("price", "free", "held", "sold", right=True)
    table = FittingTable(*keep_whole("SKU"), *counted, "name")
    for product in products:
        counts = (str(product[name]) for name in ("available", "reserved", "sold"))
        table.add_row(product["sku"], money(product["price"]), *counts, escape(product["name"]))
    return table
