"""What currencies the provider takes, and in what steps, as Stripe's page of currencies has it."""

from sandbox.errors import Fault

# Two places, or none: the amount is what is charged, in the least unit of money.
CODES = (
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bif bmd bnd bob brl bsd bwp byn bzd cad "
    "cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq "
    "gyd hkd hnl htg huf idr ils inr jmd jpy kes kgs khr kmf krw kyd kzt lak lbp lkr lrd lsl mad "
    "mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr "
    "pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd "
    "twd tzs uah usd uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw"
)
ORDINARY = frozenset(CODES.split())
WHOLE = frozenset({"isk", "ugx"})  # counted in hundredths, which must be 00
THREE_PLACES = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})  # the last of which must be 0


def check(currency: str, amount: int) -> None:
    """Fault unless so much of this currency can be charged, or given back."""
    if currency not in ORDINARY | WHOLE | THREE_PLACES:
        raise Fault(400, f"Invalid currency: {currency}.", param="currency")
    step = 100 if currency in WHOLE else 10 if currency in THREE_PLACES else 1
    if amount % step:
        message = f"Invalid amount of {currency}: it must be a multiple of {step}."
        raise Fault.invalid("amount", message)
