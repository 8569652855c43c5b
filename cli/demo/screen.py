"""What the demo shows: the orders live, then the ledger."""

from collections.abc import Sequence

from rich.console import Console

from cli.demo.balance import Books, Shelf
from cli.demo.run import PRICE, Demo
from cli.demo.scenarios import Story
from cli.orders.order import add_style
from cli.output import FittingTable, keep_whole, mark
from contracts.money.formatting import format_money

STEPS = ("create", "validate", "reserve", "charge", "confirm", "commit")
GLYPHS = {
    "done": "[green]●[/]",
    "running": "[cyan]◐[/]",
    "waiting": "[cyan]◔[/]",
    "failed": "[red]✗[/]",
    "compensating": "[yellow]↺[/]",
    "compensated": "[yellow]↩[/]",
    "skipped": "[dim]·[/]",
    "blocked": "[bold red]■[/]",
    "pending": "[dim]○[/]",
}


def introduce(console: Console, demo: Demo) -> None:
    """What is about to happen."""
    console.print(f"Orders on {demo.api.url}, step by step ({', '.join(STEPS)}):")
    legend = "  ".join(f"{glyph} {name}" for name, glyph in GLYPHS.items())
    console.print(f"[dim]{legend}[/]\n")
    if demo.local is None:
        console.print("[dim]Not the local stack: no worker of it can be killed here.[/]\n")


def table(stories: Sequence[Story]) -> FittingTable:
    """All orders, as they stand now."""
    shown = FittingTable(*keep_whole("story", "steps", "status"), "why", *keep_whole(""))
    for story in stories:
        steps = " ".join(GLYPHS[step["state"]] for step in story.saga.get("steps", ()))
        beside = mark(well=story.as_expected) if story.over else ""
        why = story.note or story.code or ""
        shown.add_row(story.title, steps, add_style(story.status), f"[dim]{why}[/]", beside)
    return shown


def conclude(console: Console, stories: Sequence[Story], books: Books) -> None:
    """The ledger, and the verdict."""
    console.print()
    console.print(make_table_of_stock(books.shelves))
    kept = books.captured - books.refunded
    console.print(
        f"Money, by {books.witness}: captured {_money(books.captured)}"
        f" - refunded {_money(books.refunded)} = {_money(kept)};"
        f" confirmed orders cost {_money(books.confirmed)} {mark(well=kept == books.confirmed)}"
    )
    for story in stories:
        if not story.as_expected:
            console.print(
                f"[red]{story.title}: {story.order['id']} should be {story.expected},"
                f" but is {story.status} ({story.code})[/]"
            )
    console.print("It adds up." if books.adds_up else "[bold red]It does not add up.[/]")


def make_table_of_stock(shelves: Sequence[Shelf]) -> FittingTable:
    """A line a product."""
    counts = keep_whole("before", "available", "reserved", "sold", "ordered", right=True)
    table = FittingTable(*keep_whole("product"), *counts, "", title="Stock")
    for shelf in shelves:
        figures = (shelf.before, shelf.available, shelf.reserved, shelf.sold, shelf.ordered)
        table.add_row(shelf.sku, *map(str, figures), mark(well=shelf.adds_up))
    return table


def _money(minor: int) -> str:
    return format_money(minor, PRICE["currency"])
