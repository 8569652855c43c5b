"""Sums of money in memory."""

from collections.abc import Iterable

from contracts.base import Money


def sum_by_currency(amounts: Iterable[Money]) -> list[Money]:
    """One amount a currency, in the currencies' order."""
    sums: dict[str, Money] = {}
    for amount in amounts:
        sums[amount.currency] = (
            sums.get(amount.currency, Money(minor=0, currency=amount.currency)) + amount
        )
    return [sums[currency] for currency in sorted(sums)]
