"""The table of currencies agrees with ISO 4217, and with what the provider takes."""

import re

import iso4217
import pytest

from contracts.money.currencies import CURRENCIES, NOT_TAKEN, exponent_of
from sandbox import currencies as of_provider
from sandbox.errors import Fault

ISO = {each.code: each.exponent for each in iso4217.Currency}


def test_the_places_of_an_amount_are_those_of_iso_4217() -> None:
    known = {*CURRENCIES, *NOT_TAKEN}
    assert {code: exponent_of(code) for code in known} == {code: ISO[code] for code in known}


def test_each_currency_is_taken_by_the_provider_in_its_steps_and_no_others() -> None:
    for code, currency in CURRENCIES.items():
        assert currency.to_provider(currency.step) == currency.provider_step
        of_provider.check(code.lower(), currency.provider_step)
        if currency.provider_step > 1:
            with pytest.raises(Fault):
                of_provider.check(code.lower(), currency.provider_step + 1)
    taken = of_provider.ORDINARY | of_provider.WHOLE | of_provider.THREE_PLACES
    assert {code for code in ISO if code.lower() in taken} == {*CURRENCIES}


def test_an_amount_comes_back_from_the_provider_as_it_was() -> None:
    for currency in CURRENCIES.values():
        assert re.fullmatch(r"[A-Z]{3}", currency.code)
        assert currency.step >= 1
        for pieces in (1, 7, 99_999):
            minor = pieces * currency.step
            assert currency.from_provider(currency.to_provider(minor)) == minor
