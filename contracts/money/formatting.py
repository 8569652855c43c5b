"""How people read an amount: written here, wherever it is."""

from decimal import Decimal

from contracts.money.currencies import exponent_of


def format_money(minor: int, currency: str) -> str:
    """An amount for people, such as 1,050.00 EUR; a difference may be negative."""
    return f"{Decimal(minor).scaleb(-exponent_of(currency)):,f} {currency}"
