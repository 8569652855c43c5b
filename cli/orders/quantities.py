"""What is ordered, as a shell gives it: SKU=QUANTITY."""

import typer


def read_quantities(items: list[str]) -> dict[str, int]:
    """The pieces by SKU. BadParameter if one is malformed, or there twice."""
    quantities: dict[str, int] = {}
    for sku, quantity in map(_read_item, items):
        if sku in quantities:
            raise typer.BadParameter(f"{sku} is there twice: give each SKU once, with its sum")
        quantities[sku] = quantity
    return quantities


def _read_item(text: str) -> tuple[str, int]:
    sku, separator, quantity = text.partition("=")
    if not separator or not quantity.isdigit():
        raise typer.BadParameter(f"{text!r}: say SKU=QUANTITY, such as ANVIL-1=2")
    return sku, int(quantity)
