"""Sums of money in memory."""

from collections.abc import Iterable

from contracts.base import Money


def summed(amounts: Iterable[Money]) -> list[Money]:
    """One amount a currency, in the currencies' order."""
    sums: dict[str, Money] = {}
    for it in amounts:
        sums[it.currency] = sums.get(it.currency, Money(minor=0, currency=it.currency)) + it
    return [sums[currency] for currency in sorted(sums)]
