"""Amounts as the provider counts them: in a unit of its own for some currencies, and in steps."""

from contracts.base import Money
from contracts.money.currencies import CURRENCIES
from saga.participant import Rejected


def to_provider(amount: Money) -> int:
    """The number to ask the provider for; Rejected if it takes no such amount."""
    currency = CURRENCIES.get(amount.currency)
    if currency is None:
        detail = f"the payment provider does not take {amount.currency}"
        raise Rejected("unsupported_currency", detail)
    if amount.minor % currency.step:
        least = Money(minor=currency.step, currency=currency.code).format()
        raise Rejected("amount_not_a_multiple", f"{amount.format()} is not a multiple of {least}")
    return currency.to_provider(amount.minor)


def from_provider(amount: int, code: str) -> Money:
    """What the provider tells; a currency that we do not know is another installation's."""
    name = code.upper()
    currency = CURRENCIES.get(name)
    minor = currency.from_provider(amount) if currency else amount
    return Money(minor=minor, currency=name)
