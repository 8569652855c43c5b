"""An amount is written for people with as many decimal places as its currency has."""

import pytest

from contracts.base import Money
from contracts.money.formatting import format_money


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (105000, "EUR", "1,050.00 EUR"),
        (5, "USD", "0.05 USD"),
        (0, "EUR", "0.00 EUR"),
        (1050, "JPY", "1,050 JPY"),
        (1050, "KWD", "1.050 KWD"),
        (1050, "ISK", "1,050 ISK"),
        (1050, "MGA", "10.50 MGA"),
        (1050, "IQD", "1.050 IQD"),
        (10**15, "EUR", "10,000,000,000,000.00 EUR"),
    ],
)
def test_an_amount_has_the_decimal_places_of_its_currency(
    minor: int, currency: str, written: str
) -> None:
    assert Money(minor=minor, currency=currency).format() == written


def test_a_difference_may_be_negative() -> None:
    assert format_money(-1234, "EUR") == "-12.34 EUR"
