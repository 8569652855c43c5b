"""Currencies: how many decimal places an amount has, and as what number the provider takes it.

A closed table. An amount of ours is an integer of ISO 4217's minor units; the payment provider's
unit is another one for three currencies, and for some it takes whole steps only. Stored amounts are
read by these exponents, so that none may change (docs/adr/0166-currencies.md).
"""

from typing import NamedTuple


class Currency(NamedTuple):
    """A currency that the provider takes.

    `exponent`: decimal places by ISO 4217, which amounts of ours have. `provider_exponent`: those
    of the provider's amounts, each of which must be a multiple of `provider_step`.
    """

    code: str
    exponent: int
    provider_exponent: int
    provider_step: int

    @property
    def step(self) -> int:
        """What an amount of ours must be a multiple of, so that the provider takes it."""
        return self.from_provider(self.provider_step)

    def to_provider(self, minor: int) -> int:
        """An amount of ours, a multiple of `step`, as the provider counts it."""
        return int(minor * 10**self.provider_exponent // 10**self.exponent)

    def from_provider(self, amount: int) -> int:
        """The provider's amount in minor units of ours."""
        return int(amount * 10**self.exponent // 10**self.provider_exponent)


# Exponent, the provider's exponent and step, and whose they are. ISK and UGX have no minor unit any
# more, but the provider still counts in hundredths, which must be 00. MGA's is a fifth, which ISO
# writes with two places and the provider does not know. Amounts with three places must end in 0.
ROWS = (
    (
        *(2, 2, 1),
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BWP BYN BZD CAD CDF "
        "CHF CNY COP CRC CVE CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL "
        "HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP "
        "MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB "
        "SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TOP TRY TTD TWD TZS UAH USD UYU UZS WST "
        "XCD XCG YER ZAR ZMW",
    ),
    (0, 0, 1, "BIF CLP DJF GNF JPY KMF KRW PYG RWF VND VUV XAF XOF XPF"),
    (0, 2, 100, "ISK UGX"),
    (2, 0, 1, "MGA"),
    (3, 3, 10, "BHD JOD KWD OMR TND"),
)
CURRENCIES = {
    code: Currency(code, exponent, provider_exponent, step)
    for exponent, provider_exponent, step, codes in ROWS
    for code in codes.split()
}
# Those that the provider does not take, and that have not two places: older products may cost them.
NOT_TAKEN = {"IQD": 3, "LYD": 3}
USUAL = 2


def exponent_of(code: str) -> int:
    """How many decimal places an amount has; two, if we do not know the currency."""
    currency = CURRENCIES.get(code)
    return currency.exponent if currency else NOT_TAKEN.get(code, USUAL)
